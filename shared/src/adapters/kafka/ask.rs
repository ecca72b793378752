//! Questions to the cluster, asked one after the other by a thread that may block.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::context::ClientEvents;
use super::settings::Settings;
use super::{ANSWER_WITHIN, fault, message};
use crate::ports::{LogEntry, LogError, PartitionEnd};

/// How often the client's own events are served while nobody asks.
const SERVE_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a partition that had no leader is asked about again.
const LEADER_AFTER: Duration = Duration::from_millis(20);

type Answer<T> = oneshot::Sender<Result<T, KafkaError>>;

enum Question {
    Partitions(Answer<u32>),
    Ends(Answer<Vec<PartitionEnd>>),
    RecordAt {
        partition: i32,
        offset: i64,
        answer: Answer<Option<LogEntry>>,
    },
}

/// A handle of the thread, which ends when the handle is dropped.
pub(super) struct Asker {
    questions: Sender<Question>,
}

impl Asker {
    pub(super) fn start(settings: &Settings, events: ClientEvents) -> Result<Self, LogError> {
        let consumer = settings
            .consumer()
            // A fetch that still waits for records would hold up the next question.
            .set("fetch.wait.max.ms", "10")
            .create_with_context(events)
            .map_err(|error| fault::away("connect", error))?;
        let (questions, asked) = mpsc::channel();
        let thread = Asking {
            topic: settings.topic.clone(),
            consumer,
            asked,
            waiting: VecDeque::new(),
            partitions: None,
        };
        thread::Builder::new()
            .name("kafka-ask".to_owned())
            .spawn(move || thread.run())
            .map_err(|source| LogError::Away {
                operation: "connect",
                source: Some(Box::new(source)),
            })?;
        Ok(Self { questions })
    }

    pub(super) async fn partitions(&self) -> Result<u32, LogError> {
        self.ask("partitions", Question::Partitions).await
    }

    /// P21: one request for all partitions; its answer serves all who had asked before it was sent.
    pub(super) async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError> {
        self.ask("ends", Question::Ends).await
    }

    pub(super) async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError> {
        self.ask("record_at", |answer| Question::RecordAt {
            partition,
            offset,
            answer,
        })
        .await
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        question: impl FnOnce(Answer<T>) -> Question,
    ) -> Result<T, LogError> {
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(question(answer))
            .map_err(|_| fault::gone(operation))?;
        // Behind others that time out, a question is given up; the thread passes it over.
        tokio::time::timeout(ANSWER_WITHIN * 2, answered)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| fault::gone(operation))?
            .map_err(|error| fault::away(operation, error))
    }
}

/// The thread's own state.
struct Asking {
    topic: String,
    consumer: BaseConsumer<ClientEvents>,
    asked: Receiver<Question>,
    waiting: VecDeque<Question>,
    partitions: Option<i32>,
}

impl Asking {
    fn run(mut self) {
        loop {
            self.waiting.extend(self.asked.try_iter());
            let question = match self.waiting.pop_front() {
                Some(question) => Ok(question),
                None => self.asked.recv_timeout(SERVE_EVERY),
            };
            match question {
                Ok(question) => self.answer(question),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Errors reach the health through the context; nothing else is assigned here to be read.
            while self.consumer.poll(Duration::ZERO).is_some() {}
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Partitions(answer) if answer.is_closed() => {}
            Question::Partitions(answer) => {
                let count = self.patiently(Self::count_partitions).map(i32::unsigned_abs);
                let _ = answer.send(count);
            }
            Question::Ends(answer) => self.answer_ends(answer),
            Question::RecordAt { answer, .. } if answer.is_closed() => {}
            Question::RecordAt {
                partition,
                offset,
                answer,
            } => {
                let found = self.patiently(|asking| asking.record_at(partition, offset));
                let _ = answer.send(found);
            }
        }
    }

    /// Asks again while a partition has no leader yet, or another one than the client believes.
    fn patiently<T>(&mut self, ask: impl Fn(&mut Self) -> Result<T, KafkaError>) -> Result<T, KafkaError> {
        let asked = Instant::now();
        loop {
            match ask(self) {
                Err(error) if fault::is_election(&error) && asked.elapsed() < ANSWER_WITHIN => {
                    // A wait that serves the client's events.
                    self.consumer.poll(LEADER_AFTER);
                }
                answer => return answer,
            }
        }
    }

    fn answer_ends(&mut self, first: Answer<Vec<PartitionEnd>>) {
        self.waiting.extend(self.asked.try_iter());
        let mut answers = vec![first];
        for question in std::mem::take(&mut self.waiting) {
            match question {
                Question::Ends(answer) => answers.push(answer),
                other @ (Question::Partitions(_) | Question::RecordAt { .. }) => {
                    self.waiting.push_back(other);
                }
            }
        }
        answers.retain(|answer| !answer.is_closed());
        if answers.is_empty() {
            return;
        }
        let ends = self.patiently(Self::ends);
        for answer in answers {
            let _ = answer.send(ends.clone());
        }
    }

    fn count_partitions(&mut self) -> Result<i32, KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), ANSWER_WITHIN)?;
        let count = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.topic)
            .map_or(0, |topic| topic.partitions().len());
        // A topic that was just made may not be known everywhere yet.
        let count = i32::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or(KafkaError::MetadataFetch(
                RDKafkaErrorCode::UnknownTopicOrPartition,
            ))?;
        self.partitions = Some(count);
        Ok(count)
    }

    fn ends(&mut self) -> Result<Vec<PartitionEnd>, KafkaError> {
        let count = match self.partitions {
            Some(count) => count,
            None => self.count_partitions()?,
        };
        let mut wanted = TopicPartitionList::with_capacity(count.unsigned_abs() as usize);
        for partition in 0..count {
            // As a time, the end stands for "the latest".
            wanted.add_partition_offset(&self.topic, partition, Offset::End)?;
        }
        let found = self.consumer.offsets_for_times(wanted, ANSWER_WITHIN)?;
        found
            .elements()
            .iter()
            .map(|element| {
                element.error()?;
                match element.offset() {
                    Offset::Offset(next_offset) => Ok(PartitionEnd {
                        partition: element.partition(),
                        next_offset,
                    }),
                    Offset::Beginning
                    | Offset::End
                    | Offset::Stored
                    | Offset::Invalid
                    | Offset::OffsetTail(_) => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
                }
            })
            .collect()
    }

    fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, KafkaError> {
        let (low, high) = self
            .consumer
            .fetch_watermarks(&self.topic, partition, ANSWER_WITHIN)?;
        if !(low..high).contains(&offset) {
            return Ok(None);
        }
        let mut wanted = TopicPartitionList::with_capacity(1);
        wanted.add_partition_offset(&self.topic, partition, Offset::Offset(offset))?;
        self.consumer.assign(&wanted)?;
        let found = self.first_record();
        self.consumer.unassign()?;
        Ok(found?.filter(|entry| entry.partition == partition && entry.offset == offset))
    }

    /// The first record of what is assigned; `None` at its end.
    fn first_record(&self) -> Result<Option<LogEntry>, KafkaError> {
        let asked = Instant::now();
        while let Some(left) = ANSWER_WITHIN.checked_sub(asked.elapsed()) {
            match self.consumer.poll(left) {
                Some(Ok(found)) if found.topic() == self.topic => return Ok(Some(message::entry(&found))),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) => match fault::of_reading(&error) {
                    fault::Reading::OutOfRange => return Ok(None),
                    fault::Reading::Passing => {}
                    fault::Reading::Broken => return Err(error),
                },
                Some(Ok(_)) | None => {}
            }
        }
        Err(KafkaError::MessageConsumption(
            RDKafkaErrorCode::OperationTimedOut,
        ))
    }
}
