//! `SIGKILL` at every named fault point, in real processes: what was answered `202` ends and is counted once.
//!
//! A point that is never reached fails its run, and so does a point that no way leads to.

mod brokers;
mod drive;
mod embedded;
mod mailing;
mod operator;
mod recovery;
mod store_file;

/// The setting that kills the process when it is at the point for the `nth` time.
fn kill_at(point: &str, nth: u32) -> String {
    format!("{point}={}*off->return", nth - 1)
}

/// Runs `run` for each of these, a few at a time, in a thread of its name: the name stands before a failure.
fn for_each_at_once<T: Sync>(each: &[(String, T)], run: impl Fn(&str, &T) + Sync) {
    const AT_ONCE: usize = 3;
    let next = std::sync::Mutex::new(each.iter());
    let take = || next.lock().expect("no taker panics").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, with)) = take() {
                    let run = &run;
                    let named = std::thread::Builder::new().name(name.clone());
                    let one = named
                        .spawn_scoped(scope, move || run(name, with))
                        .expect("the system has room for a thread");
                    if let Err(failure) = one.join() {
                        std::panic::resume_unwind(failure);
                    }
                }
            });
        }
    });
}
