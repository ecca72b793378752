//! Sending: what is confirmed is in the queue.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{OTHER, QUEUE, QueueUnderTest, delivered, send_all, take, tasks, until_depth, wakeups, within};

/// An empty send asks nothing of the server.
pub async fn nothing_sent_is_nothing_answered(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let confirmed = within("the answer", queue.send(QUEUE, Vec::new())).await;
    assert_eq!(confirmed.expect("nothing can fail"), Vec::<bool>::new());
}

/// The depth counts what waits, not what is being worked on.
pub async fn what_is_sent_is_confirmed_and_counted(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    until_depth(&*queue, QUEUE, 0).await;
    send_all(&*queue, QUEUE, &wakeups(7)).await;
    until_depth(&*queue, QUEUE, 7).await;
    let mut consumer = queue.consume(QUEUE, 3).await;
    let held = take(&mut *consumer, 3).await;
    until_depth(&*queue, QUEUE, 4).await;
    drop(held);
}

/// A send of many messages is answered whole.
pub async fn five_thousand_wakeups_are_confirmed_and_arrive(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(5_000);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 500).await;
    let mut seen = BTreeSet::new();
    while seen.len() < sent.len() {
        let deliveries = take(&mut *consumer, 1).await;
        seen.append(&mut delivered(&deliveries));
        consumer.acknowledge(deliveries).await;
    }
    assert_eq!(seen, tasks(&sent));
    until_depth(&*queue, QUEUE, 0).await;
}

/// Batches of several callers are told apart.
pub async fn senders_at_the_same_time_lose_nothing(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let batches: Vec<_> = (0..20).map(|_| wakeups(50)).collect();
    join_all(batches.iter().map(|batch| send_all(&*queue, QUEUE, batch))).await;
    let mut consumer = queue.consume(QUEUE, 1_000).await;
    let all: BTreeSet<_> = batches.iter().flat_map(|batch| tasks(batch)).collect();
    let mut seen = BTreeSet::new();
    while seen.len() < all.len() {
        let deliveries = take(&mut *consumer, 1).await;
        seen.append(&mut delivered(&deliveries));
        consumer.acknowledge(deliveries).await;
    }
    assert_eq!(seen, all);
}

/// Each role has its own queue.
pub async fn the_queues_do_not_mix(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let (events, stats) = (wakeups(3), wakeups(2));
    send_all(&*queue, QUEUE, &events).await;
    send_all(&*queue, OTHER, &stats).await;
    let mut consumer = queue.consume(QUEUE, 10).await;
    let mut other = queue.consume(OTHER, 10).await;
    assert_eq!(delivered(&take(&mut *consumer, 3).await), tasks(&events));
    assert_eq!(delivered(&take(&mut *other, 2).await), tasks(&stats));
}
