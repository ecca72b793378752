//! What every wake-up queue must do (steps 3 and 4), as tests that [`crate::job_queue_suite!`] runs on an adapter.

pub mod consume;
pub mod send;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::job::{JobId, QueueName, Role, TaskRef};
use crate::ports::{Deliveries, Delivery, JobQueue};
use crate::wire::{TraceContext, Wakeup};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test looks on while nothing may come.
pub const QUIET: Duration = Duration::from_millis(300);
/// The queue that the tests use.
pub const QUEUE: QueueName = QueueName(Role::UserEvents);
/// Another one.
pub const OTHER: QueueName = QueueName(Role::UserStats);

/// Queues that begin empty.
#[async_trait]
pub trait QueueUnderTest: Send + Sync {
    /// A handle of the queues, connected.
    async fn open(&self) -> Arc<dyn JobQueue>;
}

/// Runs the whole suite; `$subject` is an expression, evaluated for each test, that makes a [`QueueUnderTest`].
#[macro_export]
macro_rules! job_queue_suite {
    ($subject:expr) => {
        $crate::job_queue_suite!(@tests $subject;
            send::nothing_sent_is_nothing_answered,
            send::what_is_sent_is_confirmed_and_counted,
            send::five_thousand_wakeups_are_confirmed_and_arrive,
            send::senders_at_the_same_time_lose_nothing,
            send::the_queues_do_not_mix,
            consume::what_is_acknowledged_is_gone,
            consume::what_is_not_acknowledged_comes_back_when_the_consumer_ends,
            consume::what_is_acknowledged_out_of_order_leaves_what_came_before,
            consume::what_is_rejected_does_not_come_back,
            consume::what_is_rejected_leaves_the_others,
            consume::a_verdict_that_comes_twice_is_harmless,
            consume::a_verdict_of_a_connection_that_is_gone_is_forgotten,
            consume::no_more_is_delivered_than_the_prefetch_allows,
            consume::a_waiting_consumer_is_woken_by_a_send,
            consume::a_wait_that_is_given_up_loses_nothing,
            consume::two_consumers_share_the_queue,
            consume::the_trace_arrives_with_the_wakeup,
        );
    };
    (@tests $subject:expr; $($topic:ident :: $test:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let subject = $subject;
                $crate::testing::job_queue::$topic::$test(&subject).await;
            }
        )+
    };
}

/// The value of `future`, which must come within [`PATIENCE`].
///
/// # Panics
/// When it does not come.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Wake-ups for the first `count` tasks of a new job.
#[must_use]
pub fn wakeups(count: u32) -> Vec<Wakeup> {
    let job = JobId::generate();
    let wakeup = |task| Wakeup {
        task: TaskRef { job, task },
        trace: TraceContext::generate(),
    };
    (0..count).map(wakeup).collect()
}

/// The tasks of some wake-ups.
#[must_use]
pub fn tasks(wakeups: &[Wakeup]) -> BTreeSet<TaskRef> {
    wakeups.iter().map(|wakeup| wakeup.task).collect()
}

/// The tasks of some deliveries.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn delivered(deliveries: &[Delivery]) -> BTreeSet<TaskRef> {
    let task = |delivery: &Delivery| delivery.wakeup.as_ref().expect("a wake-up").task;
    deliveries.iter().map(task).collect()
}

/// Sends wake-ups, all of which must be confirmed.
///
/// # Panics
/// When one is not.
pub async fn send_all(queue: &dyn JobQueue, name: QueueName, wakeups: &[Wakeup]) {
    let confirmed = within("the confirms", queue.send(name, wakeups.to_vec()))
        .await
        .expect("the queue is there");
    assert_eq!(confirmed.len(), wakeups.len());
    assert!(confirmed.iter().all(|confirmed| *confirmed));
}

/// Takes at least `count` deliveries.
///
/// # Panics
/// When they do not come.
pub async fn take(consumer: &mut dyn Deliveries, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let next = within("a delivery", consumer.next(count - taken.len())).await;
        taken.extend(next.expect("the queue is not closed"));
    }
    taken
}

/// Nothing may be delivered for a while.
///
/// # Panics
/// When something is.
pub async fn assert_quiet(consumer: &mut dyn Deliveries) {
    if let Ok(delivery) = tokio::time::timeout(QUIET, consumer.next(1)).await {
        panic!("nothing was to come, but {delivery:?} came");
    }
}

/// Waits until the queue holds `depth` messages. Servers count with a delay.
///
/// # Panics
/// When it never does.
pub async fn until_depth(queue: &dyn JobQueue, name: QueueName, depth: u64) {
    let reached = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while queue.depth(name).await.expect("the queue is there") != depth {
            tick.tick().await;
        }
    };
    within(&format!("a depth of {depth}"), reached).await;
}
