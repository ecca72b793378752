//! An open loop: requests leave on time whether or not earlier ones are answered, and each is timed from the moment
//! at which it was due. A slow answer cannot hide the wait of those behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::client::Client;
use crate::events;
use crate::measure::Latencies;

/// Submits `requests` events of one job each, `rate` a second.
pub(crate) async fn submit_at_rate(address: SocketAddr, rate: u32, requests: u64) -> Latencies {
    let mut due = pace(Duration::from_secs(1) / rate, requests);
    let idle = Arc::new(Mutex::new(Vec::new()));
    let mut under_way = Vec::new();
    for n in 0.. {
        let Some(due) = due.recv().await else { break };
        let idle = Arc::clone(&idle);
        under_way.push(tokio::spawn(async move {
            let taken = idle.lock().expect("no holder panics").pop();
            let mut client = match taken {
                Some(client) => client,
                None => Client::connect(address).await,
            };
            client.submit(events::submit_body(n)).await;
            let latency = due.elapsed();
            idle.lock().expect("no holder panics").push(client);
            latency
        }));
    }
    let mut latencies = Latencies::default();
    for request in under_way {
        latencies.push(request.await.expect("a refused request breaks the case"));
    }
    latencies
}

/// The moments at which requests are due, each sent when it has come. A thread of its own: the timer of the event
/// loop knows whole milliseconds only.
fn pace(every: Duration, requests: u64) -> mpsc::UnboundedReceiver<Instant> {
    let (due, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut next = Instant::now() + every;
        for _ in 0..requests {
            while let Some(rest) = next.checked_duration_since(Instant::now())
                && !rest.is_zero()
            {
                std::thread::park_timeout(rest);
            }
            if due.send(next).is_err() {
                break;
            }
            next += every;
        }
    });
    receiver
}
