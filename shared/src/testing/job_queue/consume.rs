//! Consuming: a delivery is acknowledged, rejected, or comes again.

use super::{
    QUEUE, QUIET, QueueUnderTest, assert_quiet, delivered, send_all, take, tasks, until_depth, wakeups,
};
use crate::ports::Delivery;

/// The end of a wake-up's life.
pub async fn what_is_acknowledged_is_gone(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(10);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 20).await;
    let deliveries = take(&mut *consumer, 10).await;
    assert_eq!(delivered(&deliveries), tasks(&sent));
    consumer.acknowledge(deliveries).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 20).await;
    assert_quiet(&mut *later).await;
    until_depth(&*queue, QUEUE, 0).await;
}

/// A worker that dies leaves its wake-ups to others.
pub async fn what_is_not_acknowledged_comes_back_when_the_consumer_ends(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(10);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 20).await;
    let mut deliveries = take(&mut *consumer, 10).await;
    let kept = deliveries.split_off(4);
    consumer.acknowledge(deliveries).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 20).await;
    assert_eq!(delivered(&take(&mut *later, 6).await), delivered(&kept));
    assert_quiet(&mut *later).await;
}

/// An acknowledgement of later deliveries says nothing of an earlier one.
pub async fn what_is_acknowledged_out_of_order_leaves_what_came_before(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    send_all(&*queue, QUEUE, &wakeups(6)).await;
    let mut consumer = queue.consume(QUEUE, 20).await;
    let mut deliveries = take(&mut *consumer, 6).await;
    let (third, fifth) = (deliveries.remove(2), deliveries.remove(3));
    consumer.acknowledge(deliveries).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 20).await;
    let left = delivered(&take(&mut *later, 2).await);
    assert_eq!(left, delivered(&[third, fifth]));
    assert_quiet(&mut *later).await;
}

/// A message that nobody can read must not come round for ever.
pub async fn what_is_rejected_does_not_come_back(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    send_all(&*queue, QUEUE, &wakeups(1)).await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    let delivery = take(&mut *consumer, 1).await.pop().expect("one was taken");
    consumer.reject(delivery).await;
    assert_quiet(&mut *consumer).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 5).await;
    assert_quiet(&mut *later).await;
}

/// A rejection is about one message.
pub async fn what_is_rejected_leaves_the_others(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    send_all(&*queue, QUEUE, &wakeups(3)).await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    let mut deliveries = take(&mut *consumer, 3).await;
    let rejected = deliveries.remove(1);
    consumer.reject(rejected).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 5).await;
    assert_eq!(delivered(&take(&mut *later, 2).await), delivered(&deliveries));
    assert_quiet(&mut *later).await;
}

/// A worker that says the same again must not lose its connection, or another message.
pub async fn a_verdict_that_comes_twice_is_harmless(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(2);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 1).await;
    let first = take(&mut *consumer, 1).await;
    let connections = *queue.connections().borrow();
    let again = first
        .iter()
        .map(|delivery| twin(delivery, delivery.connection))
        .collect();
    let mut seen = delivered(&first);
    consumer.acknowledge(first).await;
    consumer.acknowledge(again).await;
    seen.append(&mut delivered(&take(&mut *consumer, 1).await));
    assert_eq!(seen, tasks(&sent));
    assert_quiet(&mut *consumer).await;
    assert_eq!(
        *queue.connections().borrow(),
        connections,
        "no connection was lost"
    );
}

/// A tag means something only on the connection that it came over.
pub async fn a_verdict_of_a_connection_that_is_gone_is_forgotten(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(2);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    let deliveries = take(&mut *consumer, 2).await;
    let gone = |delivery: &Delivery| twin(delivery, delivery.connection + 1_000);
    consumer.acknowledge(vec![gone(&deliveries[0])]).await;
    consumer.reject(gone(&deliveries[1])).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 5).await;
    assert_eq!(delivered(&take(&mut *later, 2).await), tasks(&sent));
}

/// A delivery with the same tag.
fn twin(delivery: &Delivery, connection: u64) -> Delivery {
    Delivery {
        wakeup: delivery.wakeup.clone(),
        connection,
        tag: delivery.tag,
    }
}

/// The prefetch is what bounds a consumer's memory.
pub async fn no_more_is_delivered_than_the_prefetch_allows(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(9);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 4).await;
    let first = take(&mut *consumer, 4).await;
    assert_quiet(&mut *consumer).await;
    let mut seen = delivered(&first);
    consumer.acknowledge(first).await;
    let second = take(&mut *consumer, 4).await;
    assert_quiet(&mut *consumer).await;
    seen.append(&mut delivered(&second));
    consumer.acknowledge(second).await;
    seen.append(&mut delivered(&take(&mut *consumer, 1).await));
    assert_eq!(seen, tasks(&sent));
}

/// Nothing polls.
pub async fn a_waiting_consumer_is_woken_by_a_send(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    let waiting = tokio::spawn(async move { delivered(&take(&mut *consumer, 1).await) });
    let sent = wakeups(1);
    send_all(&*queue, QUEUE, &sent).await;
    assert_eq!(waiting.await.expect("it does not panic"), tasks(&sent));
}

/// `next` is used in `select!`.
pub async fn a_wait_that_is_given_up_loses_nothing(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let mut consumer = queue.consume(QUEUE, 100).await;
    assert!(tokio::time::timeout(QUIET, consumer.next(10)).await.is_err());
    let sent = wakeups(30);
    send_all(&*queue, QUEUE, &sent).await;
    let mut taken = Vec::new();
    while taken.len() < sent.len() {
        tokio::select! {
            biased;
            next = consumer.next(1) => taken.extend(next.expect("the queue is not closed")),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(delivered(&taken), tasks(&sent));
}

/// Each wake-up goes to one of them.
pub async fn two_consumers_share_the_queue(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let mut one = queue.consume(QUEUE, 5).await;
    let mut two = queue.consume(QUEUE, 5).await;
    let sent = wakeups(10);
    send_all(&*queue, QUEUE, &sent).await;
    let mut seen = delivered(&take(&mut *one, 5).await);
    seen.append(&mut delivered(&take(&mut *two, 5).await));
    assert_eq!(seen, tasks(&sent));
}

/// One trace from the request to the fold.
pub async fn the_trace_arrives_with_the_wakeup(subject: &dyn QueueUnderTest) {
    let queue = subject.open().await;
    let sent = wakeups(1);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 1).await;
    let delivery = take(&mut *consumer, 1).await.pop().expect("one was taken");
    assert_eq!(delivery.wakeup.as_ref(), Ok(&sent[0]));
}
