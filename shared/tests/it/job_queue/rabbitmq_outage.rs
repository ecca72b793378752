//! RabbitMQ goes away and comes back: nothing but wake-ups is lost, and everything goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use shared::adapters::rabbitmq::RabbitQueue;
use shared::ports::{Health, JobQueue, QueueError};
use shared::testing::brokers::Brokers;
use shared::testing::fault_proxy::{FaultProxy, Vanishing};
use shared::testing::job_queue::{
    QUEUE, assert_quiet, delivered, send_all, take, tasks, until_depth, wakeups, within,
};
use shared::wire::Wakeup;

use super::rabbitmq::{Rabbit, rabbit, until_away, until_up};

/// A queue whose connections go through a proxy.
async fn behind_a_proxy(rabbit: &Rabbit) -> (FaultProxy, Arc<RabbitQueue>) {
    let (proxy, url) = Brokers::get().rabbitmq_proxy();
    let queue = rabbit.connect_to(&url);
    until_up(&queue, true).await;
    (proxy, Arc::new(queue))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_go_on_after_an_outage_and_the_connections_rise() {
    let rabbit = rabbit();
    let (proxy, queue) = behind_a_proxy(&rabbit).await;
    send_all(&*queue, QUEUE, &wakeups(3)).await;
    let before = *queue.connections().borrow();

    proxy.shut();
    until_away(&queue).await;
    let refused = within("the refusal", queue.send(QUEUE, wakeups(2_000))).await;
    assert!(matches!(refused, Err(QueueError::Away)), "{refused:?}");
    let depth = within("the refusal", queue.depth(QUEUE)).await;
    assert!(matches!(depth, Err(QueueError::Away)), "{depth:?}");
    assert!(queue.health().detail.is_some());

    proxy.heal();
    until_up(&queue, true).await;
    assert!(*queue.connections().borrow() > before);
    send_all(&*queue, QUEUE, &wakeups(4)).await;
    until_depth(&*queue, QUEUE, 7).await;
    assert_eq!(queue.health().detail, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_outlives_a_connection_and_old_acknowledgements_are_forgotten() {
    let rabbit = rabbit();
    let (proxy, queue) = behind_a_proxy(&rabbit).await;
    let sent = wakeups(5);
    send_all(&*queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 10).await;
    let old = take(&mut *consumer, 5).await;

    proxy.shut();
    until_up(&queue, false).await;
    proxy.heal();
    let again = take(&mut *consumer, 5).await;
    assert_eq!(delivered(&again), tasks(&sent));
    assert_ne!(old[0].connection, again[0].connection);

    // They have the tags of the new deliveries, which must not go with them.
    consumer.acknowledge(old).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 10).await;
    let last = take(&mut *later, 5).await;
    later.acknowledge(last).await;
    assert_quiet(&mut *later).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_in_the_middle_of_sends_leaves_no_send_waiting() {
    let rabbit = rabbit();
    let (proxy, queue) = behind_a_proxy(&rabbit).await;
    let sending = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let mut confirmed = 0;
            // Ends with the outage.
            while let Ok(answers) = queue.send(QUEUE, wakeups(1_000)).await {
                let count = answers.iter().filter(|confirmed| **confirmed).count();
                confirmed += count;
                if count < answers.len() {
                    break;
                }
            }
            confirmed
        })
    };
    until_busy(&queue).await;
    proxy.shut();
    let confirmed = within("the sends to end", sending).await.unwrap();
    until_away(&queue).await;
    proxy.heal();
    until_up(&queue, true).await;
    // What was confirmed is there; what was not may be.
    let depth = queue.depth(QUEUE).await.unwrap();
    let messages = (confirmed / Wakeup::PER_MESSAGE) as u64;
    assert!(depth >= messages, "{depth} messages for {confirmed} wake-ups");
}

async fn until_busy(queue: &RabbitQueue) {
    let busy = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while queue.depth(QUEUE).await.expect("the server is there") == 0 {
            tick.tick().await;
        }
    };
    within("the first messages", busy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_noticed_and_replaced() {
    let rabbit = rabbit();
    let (proxy, queue) = behind_a_proxy(&rabbit).await;
    let mut consumer = queue.consume(QUEUE, 10).await;
    until_up(&queue, true).await;
    let sent = wakeups(3);
    send_all(&*queue, QUEUE, &sent).await;
    take(&mut *consumer, 3).await;

    // The consumer's connection does nothing but listen: only the missing heartbeats tell.
    proxy.go_half_open(Vanishing::ToClient);
    let (answer, depth) = tokio::join!(
        within("the answer", queue.send(QUEUE, wakeups(1))),
        within("the answer", queue.depth(QUEUE)),
    );
    assert!(answer.is_err() || answer.unwrap() == [false]);
    assert!(depth.is_err(), "{depth:?}");
    until_up(&queue, false).await;

    proxy.heal();
    until_up(&queue, true).await;
    // The one that was not confirmed has arrived.
    let again = take(&mut *consumer, 4).await;
    assert!(delivered(&again).is_superset(&tasks(&sent)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_dropped_on_half_open_connections_lets_go_of_them() {
    let rabbit = rabbit();
    let (proxy, queue) = behind_a_proxy(&rabbit).await;
    let consumer = queue.consume(QUEUE, 10).await;
    until_up(&queue, true).await;
    proxy.go_half_open(Vanishing::ToClient);
    drop(consumer);
    drop(queue);
    let gone = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while proxy.open() > 0 {
            tick.tick().await;
        }
    };
    within("the connections to end", gone).await;
}
