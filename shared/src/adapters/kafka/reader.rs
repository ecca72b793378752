//! Step 6: a thread reads the partitions in batches, and the projector takes them from a bounded channel.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::context::{ClientEvents, ReaderEvents};
use super::settings::Settings;
use super::{ANSWER_WITHIN, fault, message};
use crate::ports::{LogBatch, LogEntry, LogError, LogReader, PartitionEnd};

/// How long the thread waits for records before it looks whether its reader is still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Records and batches that wait for the projector, at most.
const BATCH_MAX: usize = 1_000;
const BATCHES_MAX: usize = 8;
/// Seldom, since the broker writes each commit of offsets into a log of its own (measured: a fifth of what a drained
/// job costs it).
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Everything that can come from a partition.
enum Seen {
    Record(LogEntry),
    /// The position has passed records that are not messages (P18).
    Position(PartitionEnd),
    Fault(LogError),
}

/// The projector's side. Dropping it ends the thread.
pub(super) struct KafkaReader {
    batches: mpsc::Receiver<Vec<Seen>>,
    seen: VecDeque<Seen>,
    progress: Progress,
}

/// The newest positions to be shown, where the thread has not shown them yet.
type Progress = Arc<Mutex<Option<Vec<PartitionEnd>>>>;

impl KafkaReader {
    pub(super) fn start(
        settings: &Settings,
        events: ClientEvents,
        from: &[PartitionEnd],
    ) -> Result<Self, LogError> {
        let away = |error| fault::away("read", error);
        let remade = Arc::new(AtomicBool::new(false));
        let events = ReaderEvents {
            events,
            remade: Arc::clone(&remade),
        };
        let consumer: BaseConsumer<ReaderEvents> =
            settings.reader().create_with_context(events).map_err(away)?;
        let start = offsets(&settings.topic, from).map_err(away)?;
        let (sender, batches) = mpsc::channel(BATCHES_MAX);
        let progress = Progress::default();
        let thread = Reading {
            topic: settings.topic.clone(),
            positions: from
                .iter()
                .map(|from| (from.partition, from.next_offset))
                .collect(),
            consumer,
            remade,
            batches: sender,
            progress: Arc::clone(&progress),
            shown: None,
        };
        thread::Builder::new()
            .name("kafka-read".to_owned())
            .spawn(move || thread.run(start))
            .map_err(|source| LogError::Away {
                operation: "read",
                source: Some(Box::new(source)),
            })?;
        Ok(Self {
            batches,
            seen: VecDeque::new(),
            progress,
        })
    }
}

#[async_trait]
impl LogReader for KafkaReader {
    async fn next(&mut self, max: usize) -> Result<LogBatch, LogError> {
        let mut entries = Vec::new();
        let mut positions = BTreeMap::new();
        loop {
            while entries.len() < max {
                match self.seen.pop_front() {
                    Some(Seen::Record(entry)) => {
                        positions.insert(entry.partition, entry.offset + 1);
                        entries.push(entry);
                    }
                    Some(Seen::Position(position)) => {
                        positions.insert(position.partition, position.next_offset);
                    }
                    Some(Seen::Fault(fault)) if positions.is_empty() => return Err(fault),
                    Some(fault @ Seen::Fault(_)) => {
                        self.seen.push_front(fault);
                        return Ok(batch(entries, positions));
                    }
                    None => break,
                }
            }
            // Only an empty-handed reader waits, so nothing is lost with a dropped future.
            let more = if positions.is_empty() {
                self.batches.recv().await.ok_or_else(|| fault::gone("read"))?
            } else if entries.len() < max
                && let Ok(more) = self.batches.try_recv()
            {
                more
            } else {
                return Ok(batch(entries, positions));
            };
            self.seen.extend(more);
        }
    }

    fn show_progress(&mut self, positions: &[PartitionEnd]) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(positions.to_vec());
    }
}

fn batch(entries: Vec<LogEntry>, positions: BTreeMap<i32, i64>) -> LogBatch {
    let positions = positions
        .into_iter()
        .map(|(partition, next_offset)| PartitionEnd {
            partition,
            next_offset,
        })
        .collect();
    LogBatch { entries, positions }
}

/// The thread's own state.
struct Reading {
    topic: String,
    consumer: BaseConsumer<ReaderEvents>,
    remade: Arc<AtomicBool>,
    positions: BTreeMap<i32, i64>,
    batches: mpsc::Sender<Vec<Seen>>,
    progress: Progress,
    /// When the offsets were committed last.
    shown: Option<Instant>,
}

impl Reading {
    fn run(mut self, start: TopicPartitionList) {
        let assigned = self.consumer.assign(&start);
        // A list that outlives its consumer hangs the destructor.
        drop(start);
        if let Err(error) = assigned {
            let _ = self
                .batches
                .blocking_send(vec![Seen::Fault(fault::away("read", error))]);
            return;
        }
        while !self.batches.is_closed() {
            self.show_progress();
            let batch = self.next_batch();
            // Looked at after the records were taken: what came before it was told is from the old topic.
            if self.remade.load(Ordering::Acquire) {
                let fault = LogError::Remade {
                    topic: self.topic.clone(),
                };
                let _ = self.batches.blocking_send(vec![Seen::Fault(fault)]);
                return;
            }
            if !batch.is_empty() && self.batches.blocking_send(batch).is_err() {
                break;
            }
        }
        self.shown = None;
        self.show_progress();
    }

    /// What has come, after waiting a while for the first of it.
    fn next_batch(&mut self) -> Vec<Seen> {
        let mut batch = Vec::new();
        let mut at_their_end = BTreeSet::new();
        let mut patience = LOOK_EVERY;
        while batch.len() < BATCH_MAX {
            match self.consumer.poll(patience) {
                None => break,
                Some(Ok(found)) => {
                    let entry = message::entry(&found);
                    self.positions.insert(entry.partition, entry.offset + 1);
                    batch.push(Seen::Record(entry));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    at_their_end.insert(partition);
                }
                Some(Err(error)) => batch.extend(self.classify(error)),
            }
            if !(batch.is_empty() && at_their_end.is_empty()) {
                patience = Duration::ZERO;
            }
        }
        if !at_their_end.is_empty() {
            self.pass_ends(&at_their_end, &mut batch);
        }
        batch
    }

    /// The positions of partitions at their end, where they have passed what was not a message (P18). Asked for once,
    /// since librdkafka's own thread answers.
    fn pass_ends(&mut self, partitions: &BTreeSet<i32>, batch: &mut Vec<Seen>) {
        match self.consumer.position() {
            Ok(positions) => {
                let moved = partitions
                    .iter()
                    .filter_map(|&partition| self.moved(partition, &positions));
                batch.extend(moved);
            }
            Err(error) => batch.push(Seen::Fault(fault::away("read", error))),
        }
    }

    fn moved(&mut self, partition: i32, positions: &TopicPartitionList) -> Option<Seen> {
        let Offset::Offset(next_offset) = positions.find_partition(&self.topic, partition)?.offset() else {
            return None;
        };
        let known = self.positions.insert(partition, next_offset)?;
        (known < next_offset).then_some(Seen::Position(PartitionEnd {
            partition,
            next_offset,
        }))
    }

    fn classify(&self, error: KafkaError) -> Option<Seen> {
        match fault::of_reading(&error) {
            fault::Reading::OutOfRange => Some(Seen::Fault(self.out_of_range(error))),
            fault::Reading::Passing => None,
            fault::Reading::Broken => Some(Seen::Fault(fault::away("read", error))),
        }
    }

    /// The client does not say which partition it is.
    fn out_of_range(&self, error: KafkaError) -> LogError {
        for (&partition, &offset) in &self.positions {
            match self
                .consumer
                .fetch_watermarks(&self.topic, partition, ANSWER_WITHIN)
            {
                Ok((low, high)) if (low..=high).contains(&offset) => {}
                Ok(_) => return LogError::OutOfRange { partition, offset },
                Err(error) => return fault::away("read", error),
            }
        }
        // The log has changed between the refusal and the question; a new reader will tell.
        fault::away("read", error)
    }

    /// Kafka's tools take the lag from what is committed. Nobody waits for it, and nobody needs it.
    fn show_progress(&mut self) {
        if self.shown.is_some_and(|shown| shown.elapsed() < SHOW_EVERY) {
            return;
        }
        let newest = self
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(newest) = newest else {
            return;
        };
        self.shown = Some(Instant::now());
        let shown = offsets(&self.topic, &newest)
            .and_then(|offsets| self.consumer.commit(&offsets, CommitMode::Async));
        if let Err(error) = shown {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the lag could not be shown to kafka's tools"
            );
        }
    }
}

fn offsets(topic: &str, positions: &[PartitionEnd]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for position in positions {
        list.add_partition_offset(topic, position.partition, Offset::Offset(position.next_offset))?;
    }
    Ok(list)
}
