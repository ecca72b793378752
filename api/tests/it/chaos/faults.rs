//! What is done to Census in a storm.

use std::time::Duration;

use amiquip::{Connection, Exchange, Publish};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use shared::adapters::rabbitmq::Topology;
use shared::job::{QueueName, Role};
use shared::testing::brokers::Broker;
use shared::testing::fault_proxy::Vanishing;

use super::world::{API, LEASE, NAME, PROCESSES, World};

/// A fault, which begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `SIGKILL` of a process; its end is the restart.
    Killed(usize),
    /// `SIGTERM` of a process.
    Stopped(usize),
    /// `SIGSTOP` for less than a lease.
    Frozen(usize),
    /// `SIGSTOP` for longer than a lease: others take over meanwhile.
    FrozenLong(usize),
    /// `SIGKILL` of a broker.
    BrokerKilled(Broker),
    /// `SIGSTOP` of a broker: its sockets stay open.
    BrokerFrozen(Broker),
    /// RabbitMQ comes back with nothing.
    RabbitMqWiped,
    /// Every connection to the broker is cut, and new ones are refused.
    Cut(Broker),
    /// What is sent to the broker, or what it answers, vanishes.
    HalfOpen(Broker, Vanishing),
    /// What is no wake-up, in a queue of wake-ups.
    PoisonedQueue,
    /// What is no event, in the topic of events.
    PoisonedTopic,
    /// Less room than the reserve (P4).
    DiskShort,
    /// No room for a single page.
    DiskFull,
}

/// Every fault there is.
pub(super) fn all() -> Vec<Fault> {
    let of_processes = (0..PROCESSES.len()).flat_map(|process| {
        [
            Fault::Killed(process),
            Fault::Stopped(process),
            Fault::Frozen(process),
            Fault::FrozenLong(process),
        ]
    });
    let of_brokers = [Broker::RabbitMq, Broker::Kafka].into_iter().flat_map(|broker| {
        [
            Fault::BrokerKilled(broker),
            Fault::BrokerFrozen(broker),
            Fault::Cut(broker),
            Fault::HalfOpen(broker, Vanishing::ToServer),
            Fault::HalfOpen(broker, Vanishing::ToClient),
        ]
    });
    let others = [
        Fault::RabbitMqWiped,
        Fault::PoisonedQueue,
        Fault::PoisonedTopic,
        Fault::DiskShort,
        Fault::DiskFull,
    ];
    of_processes.chain(of_brokers).chain(others).collect()
}

impl Fault {
    /// Whether it can be brought here: only a disk of one's own is filled.
    pub(super) fn is_possible(self, world: &World) -> bool {
        !matches!(self, Self::DiskShort | Self::DiskFull) || world.disk.is_own()
    }

    /// How long it lasts.
    pub(super) fn lasts(self, rng: &mut ChaCha8Rng) -> Duration {
        match self {
            Self::FrozenLong(_) => LEASE + Duration::from_millis(rng.random_range(500..2_000)),
            Self::Frozen(_) => LEASE.mul_f64(rng.random_range(0.1..0.8)),
            _ => Duration::from_millis(rng.random_range(200..2_500)),
        }
    }

    pub(super) fn begin(self, world: &World) {
        match self {
            Self::Killed(process) => world.kill(process),
            Self::Stopped(process) => world.stop(process),
            Self::Frozen(process) | Self::FrozenLong(process) => world.signal(process, "STOP"),
            Self::BrokerKilled(broker) => world.brokers.kill(broker),
            Self::BrokerFrozen(broker) => world.brokers.pause(broker),
            Self::RabbitMqWiped => world.brokers.wipe(Broker::RabbitMq),
            Self::Cut(Broker::RabbitMq) => world.rabbitmq.shut(),
            Self::Cut(Broker::Kafka) => world.kafka.shut(),
            Self::HalfOpen(Broker::RabbitMq, vanishing) => world.rabbitmq.go_half_open(vanishing),
            Self::HalfOpen(Broker::Kafka, vanishing) => world.kafka.go_half_open(vanishing),
            Self::PoisonedQueue => poison_queue(world),
            Self::PoisonedTopic => poison_topic(world),
            Self::DiskShort => world.disk.fill(16),
            Self::DiskFull => world.disk.fill(0),
        }
    }

    pub(super) fn end(self, world: &World) {
        match self {
            Self::Killed(process) | Self::Stopped(process) => {
                world.begin(process);
                if process == API {
                    world.until_ready();
                }
            }
            Self::Frozen(process) | Self::FrozenLong(process) => world.signal(process, "CONT"),
            Self::BrokerKilled(broker) => world.brokers.start_again(broker),
            Self::BrokerFrozen(broker) => world.brokers.resume(broker),
            Self::Cut(Broker::RabbitMq) | Self::HalfOpen(Broker::RabbitMq, _) => world.rabbitmq.heal(),
            Self::Cut(Broker::Kafka) | Self::HalfOpen(Broker::Kafka, _) => world.kafka.heal(),
            Self::DiskShort | Self::DiskFull => world.disk.empty(),
            Self::RabbitMqWiped | Self::PoisonedQueue | Self::PoisonedTopic => {}
        }
    }

    /// Two faults of the same thing do not go together.
    pub(super) fn meets(self, other: Self) -> bool {
        self.touches() == other.touches()
    }

    fn touches(self) -> String {
        match self {
            Self::Killed(process)
            | Self::Stopped(process)
            | Self::Frozen(process)
            | Self::FrozenLong(process) => PROCESSES[process].to_owned(),
            Self::BrokerKilled(broker)
            | Self::BrokerFrozen(broker)
            | Self::Cut(broker)
            | Self::HalfOpen(broker, _) => format!("{broker:?}"),
            Self::RabbitMqWiped | Self::PoisonedQueue => format!("{:?}", Broker::RabbitMq),
            Self::PoisonedTopic => format!("{:?}", Broker::Kafka),
            Self::DiskShort | Self::DiskFull => "disk".to_owned(),
        }
    }
}

fn poison_queue(world: &World) {
    let queue = Topology::new(NAME).queue(QueueName(Role::UserEvents));
    let mut connection =
        Connection::insecure_open(world.brokers.addresses().rabbitmq_url()).expect("RabbitMQ answers");
    let channel = connection.open_channel(None).expect("RabbitMQ answers");
    Exchange::direct(&channel)
        .publish(Publish::new(b"not a wake-up", queue))
        .expect("RabbitMQ takes it");
    connection.close().expect("RabbitMQ has taken it");
}

fn poison_topic(world: &World) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", world.brokers.addresses().kafka_brokers())
        .create()
        .expect("a producer needs no broker to begin");
    producer
        .send(BaseRecord::to(NAME).key("nobody").payload("not an event"))
        .expect("the queue has room");
    producer.flush(Duration::from_secs(10)).expect("Kafka takes it");
}
