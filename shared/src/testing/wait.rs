//! Waits of tests: on a condition, with a bound, and with the last thing seen when it is missed.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks again and again until `look` gives a value; an `Err` says how things stand meanwhile.
///
/// # Panics
/// After `bound`, with what was waited for and what was seen last.
pub async fn wait_until<T>(
    what: &str,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + bound;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(status) if Instant::now() >= end => {
                panic!("waited {bound:?} for {what}; at last: {status}")
            }
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}

/// The value of `future`, which must come within `bound`.
///
/// # Panics
/// When it does not come.
pub async fn within<F: Future>(what: &str, bound: Duration, future: F) -> F::Output {
    match timeout(bound, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {bound:?} for {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let seen = wait_until("the third look", Duration::from_secs(10), async || {
            looks += 1;
            if looks == 3 {
                Ok(looks)
            } else {
                Err(format!("look {looks}"))
            }
        })
        .await;
        assert_eq!(seen, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "for what never comes; at last: still nothing")]
    async fn a_missed_bound_says_what_was_seen_last() {
        wait_until("what never comes", Duration::ZERO, async || {
            Err::<(), _>("still nothing".to_owned())
        })
        .await;
    }
}
