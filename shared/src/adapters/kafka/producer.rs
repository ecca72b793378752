//! Step 5: records are handed to librdkafka in groups, and each is answered by its own delivery report.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tokio::sync::Semaphore;

use super::context::{ClientEvents, DeliveryReports};
use super::delivery::{Answers, Group, Pending};
use super::elsewhere::Elsewhere;
use super::settings::{BUFFER_BYTES, Settings};
use super::{fault, message};
use crate::ports::{LogDelivery, LogError, LogRecord};

/// Records of a group, and their bytes.
const GROUP_MAX: usize = 64;
const GROUP_BYTES_MAX: usize = 256 * 1024;
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
        let mut groups = Vec::with_capacity(records.len().div_ceil(GROUP_MAX));
        let mut left = &records[..];
        while !left.is_empty() {
            let (group, others) = left.split_at(group_len(left));
            groups.push((group.len(), self.hand_over(&client, group).await));
            left = others;
        }
        let mut answers = Vec::with_capacity(records.len());
        // librdkafka has copied them.
        drop(records);
        for (records, group) in groups {
            let group = match group {
                Ok(group) => group.await.map_err(|_| fault::gone("publish")),
                Err(error) => Err(error),
            };
            answers.extend(group.unwrap_or_else(|error| failed_all(records, error)));
        }
        answers
    }

    /// Puts a group of records into the client's buffer, as soon as there is room.
    async fn hand_over(&self, client: &Client, records: &[LogRecord]) -> Result<Answers, LogError> {
        let share: usize = records.iter().map(bytes).sum();
        // A record that is larger than the buffer may have all of it.
        let share = u32::try_from(share).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(share)
            .await
            .map_err(|_| fault::gone("publish"))?;
        let (group, answers) = Group::new(records.len(), room);
        for (place, record) in records.iter().enumerate() {
            let pending = Box::new(Pending::new(&group, place));
            let mut waiting = BaseRecord::with_opaque_to(&self.settings.topic, pending)
                .key(&record.key[..])
                .payload(&record.value[..])
                .headers(message::headers(record));
            loop {
                match client.send(waiting) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => waiting = back,
                    Err((error, back)) => {
                        back.delivery_opaque.answer(Err(fault::of_record(error)));
                        break;
                    }
                }
                tokio::time::sleep(FULL_FOR).await;
            }
        }
        Ok(answers)
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

fn connect(settings: &Settings, events: &ClientEvents) -> Result<Client, LogError> {
    settings
        .producer()
        .create_with_context(DeliveryReports(events.clone()))
        .map(Elsewhere::new)
        .map_err(|error| fault::away("connect", error))
}

/// How many of the next records are handed over together.
fn group_len(records: &[LogRecord]) -> usize {
    let mut group_bytes = 0;
    let fits = records.iter().take(GROUP_MAX).take_while(|record| {
        group_bytes += bytes(record);
        group_bytes <= GROUP_BYTES_MAX
    });
    fits.count().max(1)
}

/// A record's share of the buffer.
fn bytes(record: &LogRecord) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    record.key.len() + record.value.len() + headers + OVERHEAD_BYTES
}

/// The error for the first record, and the same without its source for the others.
fn failed_all(count: usize, error: LogError) -> Vec<Result<LogDelivery, LogError>> {
    std::iter::once(error)
        .chain(std::iter::repeat_with(|| fault::gone("connect")))
        .map(Err)
        .take(count)
        .collect()
}
