//! What no worker could read: shown in the health, looked at, sent again, thrown away.

use amiquip::{AmqpProperties, AmqpValue, FieldTable, Publish, QueueDeclareOptions};
use shared::adapters::rabbitmq::{RabbitDeadQueue, RabbitQueue};
use shared::ports::{DeadQueue, JobQueue, QueueError};
use shared::testing::brokers::Brokers;
use shared::testing::job_queue::{QUEUE, delivered, send_all, take, tasks, wakeups, within};

use super::rabbitmq::{Rabbit, rabbit, until, until_up};

fn dead_queue(rabbit: &Rabbit) -> RabbitDeadQueue {
    RabbitDeadQueue::new(Brokers::get().rabbitmq_url(), &rabbit.prefix)
}

/// Makes workers reject a message that is none of ours.
fn publish_rubbish(rabbit: &Rabbit) {
    let name = rabbit.topology().queue(QUEUE);
    let properties = AmqpProperties::default().with_type_("census.wakeup.v9".to_owned());
    rabbit.raw(|channel| {
        channel
            .basic_publish("", Publish::with_properties(b"\x1bnew", name, properties))
            .expect("RabbitMQ answers");
    });
}

/// Takes `count` deliveries and rejects them all.
async fn reject(queue: &RabbitQueue, count: usize) {
    let mut consumer = queue.consume(QUEUE, 20).await;
    for delivery in take(&mut *consumer, count).await {
        consumer.reject(delivery).await;
    }
    until(queue, "the dead to be counted", |health| {
        health.up && health.detail == Some(format!("{count} messages in the dead queue"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p19_dead_messages_are_counted_listed_and_stay() {
    let rabbit = rabbit();
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    send_all(&queue, QUEUE, &wakeups(1)).await;
    publish_rubbish(&rabbit);
    reject(&queue, 2).await;

    let dead = dead_queue(&rabbit);
    for _ in 0..2 {
        let list = within("the list", dead.list(10)).await.unwrap();
        assert_eq!((list.total, list.messages.len()), (2, 2));
        let (wakeup, rubbish) = (&list.messages[0], &list.messages[1]);
        assert_eq!(wakeup.fault, None);
        assert_eq!(rubbish.type_name.as_deref(), Some("census.wakeup.v9"));
        assert_eq!(rubbish.queue, Some(rabbit.topology().queue(QUEUE)));
        assert_eq!(rubbish.reason.as_deref(), Some("rejected"));
        assert!(rubbish.died_at.is_some());
        assert_eq!((rubbish.size_bytes, rubbish.start.as_str()), (4, "\u{FFFD}new"));
        let fault = rubbish.fault.as_deref().unwrap();
        assert!(fault.contains("not census.wakeup.v1"), "{fault}");
    }
    let first = within("the list", dead.list(1)).await.unwrap();
    assert_eq!((first.total, first.messages.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p19_what_is_a_wakeup_is_sent_again_and_the_rest_is_kept() {
    let rabbit = rabbit();
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    // As when an older worker had put aside what this version can read.
    let sent = wakeups(3);
    send_all(&queue, QUEUE, &sent).await;
    publish_rubbish(&rabbit);
    reject(&queue, 4).await;

    let dead = dead_queue(&rabbit);
    let redriven = within("the re-drive", dead.redrive()).await.unwrap();
    assert_eq!((redriven.sent, redriven.kept.len()), (3, 1));
    assert!(redriven.kept[0].fault.is_some());
    let mut consumer = queue.consume(QUEUE, 20).await;
    assert_eq!(delivered(&take(&mut *consumer, 3).await), tasks(&sent));

    assert_eq!(within("the list", dead.list(9)).await.unwrap().total, 1);
    assert_eq!(within("the end", dead.discard()).await.unwrap(), 1);
    assert_eq!(within("the list", dead.list(9)).await.unwrap().total, 0);
    until(&queue, "no dead", |health| health.up && health.detail.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_queue_of_another_version_is_used_as_it_is() {
    let rabbit = rabbit();
    let older = QueueDeclareOptions {
        durable: true,
        arguments: FieldTable::from([
            (
                "x-queue-type".to_owned(),
                AmqpValue::LongString("quorum".to_owned()),
            ),
            ("x-max-length".to_owned(), AmqpValue::LongInt(7)),
        ]),
        ..QueueDeclareOptions::default()
    };
    rabbit.raw(|channel| {
        channel
            .queue_declare(rabbit.topology().dead(), older.clone())
            .expect("RabbitMQ answers");
    });
    let queue = rabbit.connect();
    until_up(&queue, true).await;
    let sent = wakeups(2);
    send_all(&queue, QUEUE, &sent).await;
    let mut consumer = queue.consume(QUEUE, 20).await;
    assert_eq!(delivered(&take(&mut *consumer, 2).await), tasks(&sent));
    let list = within("the list", dead_queue(&rabbit).list(1)).await.unwrap();
    assert_eq!(list.total, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_says_so_to_the_operator() {
    let nowhere = RabbitDeadQueue::new("amqp://127.0.0.1:1", "census");
    let fault = within("the refusal", nowhere.list(1)).await.unwrap_err();
    assert!(matches!(fault, QueueError::Refused { .. }), "{fault:?}");
}
