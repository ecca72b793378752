//! Brokers that tests may stop, kill and wipe: one pair for all such tests, one test at a time with each.

use std::sync::LazyLock;

use shared::testing::brokers::OwnBrokers;
use tokio::sync::{Mutex, MutexGuard};

/// The pair, while the test has one of the two for itself.
pub(crate) struct Alone {
    pub(crate) brokers: &'static OwnBrokers,
    _turn: MutexGuard<'static, ()>,
}

static BROKERS: LazyLock<OwnBrokers> = LazyLock::new(OwnBrokers::start);

/// RabbitMQ for this test alone.
pub(crate) async fn alone_with_rabbitmq() -> Alone {
    static TURN: Mutex<()> = Mutex::const_new(());
    alone(&TURN).await
}

/// Kafka for this test alone.
pub(crate) async fn alone_with_kafka() -> Alone {
    static TURN: Mutex<()> = Mutex::const_new(());
    alone(&TURN).await
}

async fn alone(turn: &'static Mutex<()>) -> Alone {
    Alone {
        _turn: turn.lock().await,
        brokers: blocking(|| &*BROKERS),
    }
}

/// Runs the script, which blocks, beside the other tasks of a test.
pub(crate) fn blocking<T>(run: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(run)
}
