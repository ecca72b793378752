//! Closed loops: every connection sends its next request when the last one is answered, so the rate is the server's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::events;

/// Connections that send at a time.
pub(crate) const CONNECTIONS: usize = 64;

/// What was accepted in some time.
pub(crate) struct Flow {
    pub(crate) jobs: u64,
    time: Duration,
}

impl Flow {
    pub(crate) fn jobs_per_s(&self) -> f64 {
        self.jobs as f64 / self.time.as_secs_f64()
    }
}

/// Submits one event after another for `time`.
pub(crate) async fn submit_for(address: SocketAddr, time: Duration) -> Flow {
    let began = Instant::now();
    let end = began + time;
    let jobs = submit_while(address, move |_| Instant::now() < end).await;
    Flow {
        jobs,
        time: began.elapsed(),
    }
}

/// Submits so many jobs of one event each, each of another user.
pub(crate) async fn submit_jobs(address: SocketAddr, jobs: u64) {
    submit_while(address, move |n| n < jobs).await;
}

/// Submits event after event as long as the next one is `wanted`; returns how many were accepted.
async fn submit_while(address: SocketAddr, wanted: impl Fn(u64) -> bool + Send + Copy + 'static) -> u64 {
    let next = Arc::new(AtomicU64::new(0));
    let accepted = Arc::new(AtomicU64::new(0));
    let mut loops = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(address).await;
        let (next, accepted) = (Arc::clone(&next), Arc::clone(&accepted));
        loops.push(tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if !wanted(n) {
                    break;
                }
                client.submit(events::submit_body(n)).await;
                accepted.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for one in loops {
        one.await.expect("a refused request breaks the case");
    }
    accepted.load(Ordering::Relaxed)
}
