//! The queue on a real RabbitMQ: the suite, and what only RabbitMQ has.

use std::sync::Arc;
use std::time::Duration;

use amiquip::{Channel, Connection, Publish};
use async_trait::async_trait;
use shared::adapters::rabbitmq::{RabbitQueue, Topology};
use shared::adapters::system::SystemClock;
use shared::job::QueueName;
use shared::ports::{ComponentHealth, Health, JobQueue, QueueError};
use shared::testing::brokers::Brokers;
use shared::testing::job_queue::{
    PATIENCE, QUEUE, QueueUnderTest, assert_quiet, delivered, send_all, take, tasks, wakeups, within,
};
use shared::testing::wait::wait_until;

/// Queues of a prefix that no other test uses, deleted in the end.
pub(super) struct Rabbit {
    brokers: &'static Brokers,
    pub(super) prefix: String,
}

pub(super) fn rabbit() -> Rabbit {
    Rabbit::at(Brokers::get())
}

impl Rabbit {
    pub(super) fn at(brokers: &'static Brokers) -> Self {
        Self {
            brokers,
            prefix: brokers.unique_prefix(),
        }
    }

    pub(super) fn connect(&self) -> RabbitQueue {
        self.connect_to(self.brokers.rabbitmq_url())
    }

    /// By another way than the straight one.
    pub(super) fn connect_to(&self, url: &str) -> RabbitQueue {
        RabbitQueue::connect(url, &self.prefix, Arc::new(SystemClock))
    }

    pub(super) fn topology(&self) -> Topology {
        Topology::new(&self.prefix)
    }

    /// Deletes a queue as an operator would.
    fn delete(&self, queue: QueueName) {
        let name = self.topology().queue(queue);
        self.raw(|channel| channel.queue_delete(name, amiquip::QueueDeleteOptions::default()))
            .expect("the queue was there");
    }

    /// Runs `with` on a plain channel.
    pub(super) fn raw<T>(&self, with: impl FnOnce(&Channel) -> T) -> T {
        self.try_raw(with).expect("RabbitMQ answers")
    }

    fn try_raw<T>(&self, with: impl FnOnce(&Channel) -> T) -> amiquip::Result<T> {
        let mut connection = Connection::insecure_open(self.brokers.rabbitmq_url())?;
        let channel = connection.open_channel(None)?;
        Ok(with(&channel))
    }
}

#[async_trait]
impl QueueUnderTest for Rabbit {
    async fn open(&self) -> Arc<dyn JobQueue> {
        let queue = self.connect();
        until_up(&queue, true).await;
        Arc::new(queue)
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        let topology = self.topology();
        // A test that fails may leave the server away; to panic about it would hide why the test failed.
        let _ = self.try_raw(|channel| {
            // Deleting what is not there is no fault.
            for queue in [
                topology.queue(QUEUE),
                topology.queue(shared::testing::job_queue::OTHER),
                topology.dead(),
            ] {
                let _ = channel.queue_delete(queue, amiquip::QueueDeleteOptions::default());
            }
            let _ = channel.exchange_delete(topology.dead(), false);
        });
    }
}

/// Waits until all connections are up, or one is not.
pub(super) async fn until_up(queue: &RabbitQueue, up: bool) {
    until(queue, &format!("up: {up}"), |health| health.up == up).await;
}

/// Waits until the health is as `wanted`.
pub(super) async fn until(queue: &RabbitQueue, what: &str, wanted: impl Fn(&ComponentHealth) -> bool) {
    let seen = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while !wanted(&queue.health()) {
            tick.tick().await;
        }
    };
    within(what, seen).await;
}

/// Waits until the health says so and sends and questions are refused: each connection notices for itself that its
/// server is away.
pub(super) async fn until_away(queue: &RabbitQueue) {
    until_up(queue, false).await;
    wait_until("refusals", PATIENCE, async || {
        let sent = within("the send's answer", queue.send(QUEUE, wakeups(1))).await;
        let depth = within("the depth's answer", queue.depth(QUEUE)).await;
        match (&sent, &depth) {
            (Err(QueueError::Away), Err(QueueError::Away)) => Ok(()),
            _ => Err(format!("{sent:?}, {depth:?}")),
        }
    })
    .await;
}

shared::job_queue_suite!(rabbit());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_together_travels_together_and_is_acknowledged_as_a_whole() {
    let rabbit = rabbit();
    let queue = rabbit.open().await;
    let sent = wakeups(80);
    send_all(&*queue, QUEUE, &sent).await;
    let depth = within("the depth", queue.depth(QUEUE)).await;
    assert_eq!(depth.expect("RabbitMQ answers"), 16, "five in a message");
    let mut consumer = queue.consume(QUEUE, 500).await;
    let mut deliveries = take(&mut *consumer, 80).await;
    assert_eq!(delivered(&deliveries), tasks(&sent));
    let last = deliveries.pop().expect("all were taken");
    consumer.acknowledge(deliveries).await;
    drop(consumer);
    let mut later = queue.consume(QUEUE, 500).await;
    let again = take(&mut *later, 5).await;
    assert!(delivered(&again).is_superset(&delivered(&[last])));
    assert_quiet(&mut *later).await;
    later.acknowledge(again).await;
    drop(later);
    let mut last = queue.consume(QUEUE, 500).await;
    assert_quiet(&mut *last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_read_is_delivered_as_such_and_can_be_put_aside() {
    let rabbit = rabbit();
    let queue = rabbit.open().await;
    let name = rabbit.topology().queue(QUEUE);
    rabbit.raw(|channel| {
        channel
            .basic_publish("", Publish::new(b"not a wake-up", name))
            .unwrap();
    });
    let mut consumer = queue.consume(QUEUE, 5).await;
    let delivery = take(&mut *consumer, 1).await.pop().unwrap();
    assert!(
        delivery
            .wakeup
            .as_ref()
            .unwrap_err()
            .contains("not census.wakeup.v1")
    );
    consumer.reject(delivery).await;
    assert_quiet(&mut *consumer).await;

    let dead = rabbit.topology().dead();
    let arrived = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            let got = rabbit.raw(|channel| channel.basic_get(&dead, true).unwrap());
            if let Some(got) = got {
                break got.delivery.body;
            }
        }
    };
    assert_eq!(within("the dead queue", arrived).await, b"not a wake-up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_a_queue_is_not_confirmed_and_the_queue_is_made_again() {
    let rabbit = rabbit();
    let queue = rabbit.open().await;
    rabbit.delete(QUEUE);
    let confirmed = within("the answer", queue.send(QUEUE, wakeups(3))).await.unwrap();
    assert_eq!(confirmed, [false; 3]);
    // Nothing but sends: nobody looks at the depth.
    let sent = wakeups(1);
    let arrived = async {
        while queue.send(QUEUE, sent.clone()).await.unwrap() != [true] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("a confirm", arrived).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_queue_is_deleted_gets_it_again() {
    let rabbit = rabbit();
    let queue = rabbit.open().await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    send_all(&*queue, QUEUE, &wakeups(1)).await;
    take(&mut *consumer, 1).await;
    let before = *queue.connections().borrow();
    rabbit.delete(QUEUE);
    let mut connections = queue.connections();
    within("another connection", connections.wait_for(|made| *made > before))
        .await
        .unwrap();
    let sent = wakeups(2);
    send_all(&*queue, QUEUE, &sent).await;
    assert_eq!(delivered(&take(&mut *consumer, 2).await), tasks(&sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wakeup_outlives_its_sender() {
    let rabbit = rabbit();
    let queue = rabbit.open().await;
    send_all(&*queue, QUEUE, &wakeups(2)).await;
    drop(queue);
    let queue = rabbit.open().await;
    let mut consumer = queue.consume(QUEUE, 5).await;
    assert_eq!(take(&mut *consumer, 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_is_none_shows_in_the_health_without_its_password() {
    let queue = rabbit().connect_to("http://census:s3cret@127.0.0.1/");
    let health = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let detail = queue.health().detail.unwrap_or_default();
            if detail.contains("amqp://") {
                break detail;
            }
        }
    };
    assert!(!within("the reason", health).await.contains("s3cret"));
    assert!(!queue.health().up);
}
