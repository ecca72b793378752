//! Step 5: records are handed to librdkafka, and each waits for its own delivery report.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tokio::sync::{Semaphore, oneshot};

use super::context::{ClientEvents, DeliveryReports, Pending};
use super::elsewhere::Elsewhere;
use super::settings::{BUFFER_BYTES, Settings};
use super::{fault, message};
use crate::ports::{LogDelivery, LogError, LogRecord};

/// What a record costs in the buffer beside its own bytes.
const OVERHEAD_BYTES: usize = 256;
/// How long to wait where the client's own count is ahead of ours: it gives room back after the report.
const FULL_FOR: Duration = Duration::from_millis(5);

type Client = Elsewhere<ThreadedProducer<DeliveryReports>>;

/// The idempotent producer; a new one takes its place when librdkafka declares it dead.
pub(super) struct Producer {
    settings: Settings,
    events: ClientEvents,
    client: Mutex<Arc<Client>>,
    /// One permit for each byte of the buffer: whoever finds none waits in line.
    room: Arc<Semaphore>,
}

impl Producer {
    pub(super) fn new(settings: Settings, events: ClientEvents) -> Result<Self, LogError> {
        let client = Mutex::new(Arc::new(connect(&settings, &events)?));
        Ok(Self {
            settings,
            events,
            client,
            room: Arc::new(Semaphore::new(BUFFER_BYTES as usize)),
        })
    }

    pub(super) async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return failed_all(records.len(), error),
        };
        let mut reports = Vec::with_capacity(records.len());
        for record in records {
            reports.push(self.hand_over(&client, &record).await);
        }
        let mut answers = Vec::with_capacity(reports.len());
        for report in reports {
            answers.push(match report {
                Ok(report) => report.await.unwrap_or_else(|_| Err(fault::gone("publish"))),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Puts one record into the client's buffer, as soon as there is room.
    async fn hand_over(&self, client: &Client, record: &LogRecord) -> Result<Report, LogError> {
        let room = Arc::clone(&self.room)
            .acquire_many_owned(cost(record))
            .await
            .map_err(|_| fault::gone("publish"))?;
        let (answer, report) = oneshot::channel();
        let pending = Box::new(Pending { answer, _room: room });
        let mut waiting = BaseRecord::with_opaque_to(&self.settings.topic, pending)
            .key(&record.key[..])
            .payload(&record.value[..])
            .headers(message::headers(record));
        loop {
            match client.send(waiting) {
                Ok(()) => return Ok(report),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => waiting = back,
                Err((error, _)) => return Err(fault::of_record(error)),
            }
            tokio::time::sleep(FULL_FOR).await;
        }
    }

    /// The client, replaced where a fatal error has ended it: it would refuse every record for ever.
    fn client(&self) -> Result<Arc<Client>, LogError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = client.client().fatal_error() {
            tracing::error!(kafka.code = ?code, reason, "the kafka producer has died and is replaced");
            *client = Arc::new(connect(&self.settings, &self.events)?);
        }
        Ok(Arc::clone(&client))
    }
}

type Report = oneshot::Receiver<Result<LogDelivery, LogError>>;

fn connect(settings: &Settings, events: &ClientEvents) -> Result<Client, LogError> {
    settings
        .producer()
        .create_with_context(DeliveryReports(events.clone()))
        .map(Elsewhere::new)
        .map_err(|error| fault::away("connect", error))
}

/// A record's share of the buffer; one that is larger than the buffer may have all of it.
fn cost(record: &LogRecord) -> u32 {
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let bytes = record.key.len() + record.value.len() + headers + OVERHEAD_BYTES;
    u32::try_from(bytes).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES)
}

/// The error for the first record, and the same without its source for the others.
fn failed_all(count: usize, error: LogError) -> Vec<Result<LogDelivery, LogError>> {
    std::iter::once(error)
        .chain(std::iter::repeat_with(|| fault::gone("connect")))
        .map(Err)
        .take(count)
        .collect()
}
