//! RabbitMQ itself fails: it dies, loses its data, takes no messages, or has a queue that cannot write.

use std::time::Duration;

use shared::ports::{Health, JobQueue, QueueError};
use shared::testing::brokers::Broker;
use shared::testing::job_queue::{
    OTHER, PATIENCE, QUEUE, assert_quiet, delivered, send_all, take, tasks, until_depth, wakeups, within,
};

use shared::testing::wait::wait_until;

use super::rabbitmq::{Rabbit, until, until_away, until_up};
use crate::own_brokers::{alone_with_rabbitmq, blocking};

/// Below which nothing can work: the server is in alarm at once.
const NO_MEMORY: [&str; 2] = ["set_vm_memory_high_watermark", "0.00001"];
const ENOUGH_MEMORY: [&str; 2] = ["set_vm_memory_high_watermark", "0.4"];
/// A server that is killed may forget what it was told in the last seconds: which queues it has (rabbitmq-server#10070).
const WRITE_DOWN_THE_QUEUES: [&str; 2] = ["eval", "[dets:sync(Table) || Table <- dets:all()]."];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_has_kept_what_it_confirmed() {
    let alone = alone_with_rabbitmq().await;
    let rabbit = Rabbit::at(alone.brokers.addresses());
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    let mut consumer = queue.consume(QUEUE, 10).await;
    let sent = wakeups(5);
    send_all(&queue, QUEUE, &sent).await;
    let old = take(&mut *consumer, 5).await;

    blocking(|| alone.brokers.rabbitmqctl(&WRITE_DOWN_THE_QUEUES));
    blocking(|| alone.brokers.kill(Broker::RabbitMq));
    until_away(&queue).await;
    let refused = within("the refusal", queue.send(QUEUE, wakeups(1))).await;
    assert!(matches!(refused, Err(QueueError::Away)), "{refused:?}");
    // A verdict about a connection that is gone.
    consumer.acknowledge(old).await;

    blocking(|| alone.brokers.start_again(Broker::RabbitMq));
    let again = take(&mut *consumer, 5).await;
    assert_eq!(delivered(&again), tasks(&sent));
    consumer.acknowledge(again).await;
    until_up(&queue, true).await;
    let more = wakeups(2);
    send_all(&queue, QUEUE, &more).await;
    assert_eq!(delivered(&take(&mut *consumer, 2).await), tasks(&more));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_server_that_lost_its_data_gets_its_queues_again_and_shows_them_empty() {
    let alone = alone_with_rabbitmq().await;
    let rabbit = Rabbit::at(alone.brokers.addresses());
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    let mut consumer = queue.consume(QUEUE, 1).await;
    send_all(&queue, QUEUE, &wakeups(5)).await;
    take(&mut *consumer, 1).await;
    let before = *queue.connections().borrow();

    blocking(|| alone.brokers.wipe(Broker::RabbitMq));
    let mut connections = queue.connections();
    within(
        "new connections",
        connections.wait_for(|made| *made >= before + 3),
    )
    .await
    .unwrap();
    until_up(&queue, true).await;
    // By these two signs the dispatcher knows that it has to send again.
    assert_eq!(within("the depth", queue.depth(QUEUE)).await.unwrap(), 0);
    assert!(*queue.connections().borrow() > before);
    let sent = wakeups(3);
    send_all(&queue, QUEUE, &sent).await;
    let arrived = take(&mut *consumer, 1).await;
    assert!(delivered(&arrived).is_subset(&tasks(&sent)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_alarm_refuses_sends_and_nothing_hangs() {
    let alone = alone_with_rabbitmq().await;
    let rabbit = Rabbit::at(alone.brokers.addresses());
    let queue = rabbit.connect();
    let (proxy, url) = alone.brokers.addresses().rabbitmq_proxy();
    let others = Rabbit::at(alone.brokers.addresses());
    let other = others.connect_to(&url);
    until_up(&queue, true).await;
    until_up(&other, true).await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    let sent = wakeups(3);
    send_all(&queue, QUEUE, &sent).await;
    let held = take(&mut *consumer, 3).await;

    blocking(|| alone.brokers.rabbitmqctl(&NO_MEMORY));
    // The server says that it blocks a connection only when something is published on it.
    let late = wakeups(2);
    let (first, of_other) = tokio::join!(
        within("the first answer", queue.send(QUEUE, late.clone())),
        within("the other's answer", other.send(QUEUE, wakeups(1))),
    );
    assert_eq!(first.unwrap(), [false; 2]);
    assert_eq!(of_other.unwrap(), [false]);
    until(&queue, "blocked", |health| {
        !health.up
            && health
                .detail
                .as_deref()
                .is_some_and(|detail| detail.starts_with("blocked: "))
    })
    .await;
    let refused = within("the refusal", queue.send(QUEUE, wakeups(1))).await;
    assert!(matches!(refused, Err(QueueError::Blocked)), "{refused:?}");
    // Questions and acknowledgements still get through.
    consumer.acknowledge(held).await;
    until_depth(&queue, QUEUE, 0).await;
    assert_quiet(&mut *consumer).await;
    drop(other);
    let gone = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while proxy.open() > 0 {
            tick.tick().await;
        }
    };
    within("the other's connections to end", gone).await;

    blocking(|| alone.brokers.rabbitmqctl(&ENOUGH_MEMORY));
    until_up(&queue, true).await;
    assert_eq!(queue.health().detail, None);
    // The server reads now what was sent before.
    let arrived = delivered(&take(&mut *consumer, 2).await);
    assert!(tasks(&late).is_subset(&arrived), "{arrived:?}");
    let more = wakeups(1);
    send_all(&queue, QUEUE, &more).await;
    assert!(delivered(&take(&mut *consumer, 1).await).is_superset(&tasks(&more)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_queue_that_confirms_nothing_holds_up_no_other_and_can_be_made_anew() {
    let alone = alone_with_rabbitmq().await;
    let rabbit = Rabbit::at(alone.brokers.addresses());
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    let mut consumers = [queue.consume(QUEUE, 10).await, queue.consume(QUEUE, 10).await];
    until_up(&queue, true).await;
    assert!(!queue.remake_if_mute(QUEUE).await.unwrap());

    // As one without a leader: who connects finds it, and it writes nothing.
    let name = rabbit.topology().queue(QUEUE);
    let suspend = format!("sys:suspend('%2F_{name}').");
    blocking(|| alone.brokers.rabbitmqctl(&["eval", &suspend]));
    let sent = wakeups(3);
    let answer = within("the answer", queue.send(QUEUE, sent.clone())).await;
    assert_eq!(answer.unwrap(), [false; 3]);
    until(&queue, "down for the queue", |health| {
        let detail = health.detail.as_deref().unwrap_or_default();
        !health.up && detail.contains(&name)
    })
    .await;
    send_all(&queue, OTHER, &wakeups(3)).await;
    until_depth(&queue, OTHER, 3).await;

    wait_until("a queue at fault", PATIENCE, async || {
        let answer = within("the answer", queue.send(QUEUE, sent.clone())).await;
        assert!(!matches!(answer.as_deref(), Ok([true, ..])), "{answer:?}");
        let up = queue.health().up;
        match queue.remake_if_mute(QUEUE).await {
            Ok(true) => {
                assert!(!up, "nothing was confirmed for long");
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    until_up(&queue, true).await;
    assert_eq!(queue.health().detail, None);
    // Both consumers were lost with the old queue, and notice only that messages wait.
    let many = wakeups(40);
    send_all(&queue, QUEUE, &many).await;
    for consumer in &mut consumers {
        take(&mut **consumer, 10).await;
    }
}
