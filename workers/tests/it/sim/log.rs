//! A log of events that keeps what it has, and whose answers cannot be relied on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use shared::ports::{
    Clock, ComponentHealth, EventLog, Health, LogBatch, LogDelivery, LogEntry, LogError, LogHeaders,
    LogReader, LogRecord, PartitionEnd,
};
use tokio::sync::Notify;

use super::life::Life;
use super::world::World;

pub(super) const TOPIC: &str = "user-events";

/// Records of all partitions; a control record, which is no message, stands as `None` (P18).
pub(super) struct Log {
    partitions: Mutex<Vec<Vec<Option<LogEntry>>>>,
    appended: Notify,
}

impl Log {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            partitions: Mutex::new(vec![Vec::new(); partitions]),
            appended: Notify::new(),
        }
    }

    pub(super) fn ends(&self) -> Vec<PartitionEnd> {
        let ends = self
            .partitions()
            .iter()
            .map(|entries| entries.len() as i64)
            .collect::<Vec<_>>();
        (0..)
            .zip(ends)
            .map(|(partition, next_offset)| PartitionEnd {
                partition,
                next_offset,
            })
            .collect()
    }

    /// The messages before these ends, each partition in its order.
    pub(super) fn before(&self, ends: &[PartitionEnd]) -> Vec<LogEntry> {
        let partitions = self.partitions();
        let mut before = Vec::new();
        for end in ends {
            let entries = &partitions[end.partition as usize];
            let entries = &entries[..entries.len().min(end.next_offset as usize)];
            before.extend(entries.iter().flatten().cloned());
        }
        before
    }

    fn append(&self, record: &LogRecord, timestamp_ms: i64, control: bool) -> LogDelivery {
        let mut partitions = self.partitions();
        let sum: usize = record.key.iter().map(|byte| usize::from(*byte)).sum();
        let partition = sum % partitions.len();
        let entries = &mut partitions[partition];
        if control {
            entries.push(None);
        }
        let offset = entries.len() as i64;
        let partition = partition as i32;
        entries.push(Some(LogEntry {
            partition,
            offset,
            timestamp_ms,
            key: Some(record.key.clone()),
            headers: headers(record),
            value: Some(record.value.clone()),
        }));
        drop(partitions);
        self.appended.notify_waiters();
        LogDelivery {
            partition,
            offset: Some(offset),
        }
    }

    fn partitions(&self) -> MutexGuard<'_, Vec<Vec<Option<LogEntry>>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn headers(record: &LogRecord) -> LogHeaders {
    record.headers.iter().map(|(name, value)| (name, value)).collect()
}

/// One process's client of the log.
pub(super) struct SimLog {
    world: Arc<World>,
    life: Arc<Life>,
}

impl SimLog {
    pub(super) fn connect(world: &Arc<World>, life: &Arc<Life>) -> Self {
        Self {
            world: Arc::clone(world),
            life: Arc::clone(life),
        }
    }

    async fn reach(&self, operation: &'static str) -> Result<(), LogError> {
        let World { dice, faults, .. } = &*self.world;
        self.life.step().await;
        if dice.one_in(3) {
            tokio::time::sleep(dice.millis(0..=faults.temper().log_latency_ms)).await;
            self.life.step().await;
        }
        if faults.strike(dice, faults.temper().log) {
            self.world
                .note(&self.life, || format!("finds the log away at {operation}"));
            return Err(away(operation));
        }
        Ok(())
    }

    fn append(&self, record: &LogRecord) -> LogDelivery {
        let World { dice, log, clock, .. } = &*self.world;
        let delivery = log.append(record, clock.wall().as_millis(), dice.one_in(20));
        self.world.note(&self.life, || {
            let headers = headers(record);
            format!(
                "appends {} at {delivery:?}",
                headers.get("ce_id").unwrap_or_default()
            )
        });
        delivery
    }

    fn append_later(&self, record: LogRecord) {
        let later = Self::connect(&self.world, &self.life);
        // What has left the process arrives although the process has died.
        tokio::spawn(async move {
            tokio::time::sleep(later.world.dice.millis(1..=800)).await;
            later.append(&record);
        });
    }

    async fn publish_one(&self, record: LogRecord) -> Result<LogDelivery, LogError> {
        let World { dice, faults, .. } = &*self.world;
        let reached = self.reach("publish").await;
        if reached.is_ok() {
            return Ok(self.append(&record));
        }
        if !faults.strike(dice, 1) {
            return reached.map(|()| self.append(&record));
        }
        match dice.below(5) {
            0 => Err(away("publish")),
            // It is there, and its acknowledgement is lost.
            1 => {
                self.append(&record);
                Err(away("publish"))
            }
            2 => {
                self.append_later(record);
                Err(away("publish"))
            }
            // The client tried again after a lost acknowledgement.
            3 => {
                self.append(&record);
                Ok(self.append(&record))
            }
            _ => Ok(LogDelivery {
                offset: None,
                ..self.append(&record)
            }),
        }
    }
}

fn away(operation: &'static str) -> LogError {
    LogError::Away {
        operation,
        source: None,
    }
}

impl Health for SimLog {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: "kafka",
            up: true,
            since: self.world.clock.wall(),
            detail: None,
        }
    }
}

#[async_trait]
impl EventLog for SimLog {
    fn topic(&self) -> &str {
        TOPIC
    }

    async fn prepare(&self) -> Result<u32, LogError> {
        self.reach("prepare").await?;
        Ok(self.world.log.partitions().len() as u32)
    }

    async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        let mut answers = Vec::with_capacity(records.len());
        for record in records {
            answers.push(self.publish_one(record).await);
        }
        self.life.step().await;
        answers
    }

    async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError> {
        self.reach("ends").await?;
        let ends = self.world.log.ends();
        self.life.step().await;
        Ok(ends)
    }

    async fn read(&self, from: Vec<PartitionEnd>) -> Result<Box<dyn LogReader>, LogError> {
        self.reach("read").await?;
        Ok(Box::new(SimReader {
            log: Self::connect(&self.world, &self.life),
            at: from,
        }))
    }

    async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError> {
        self.reach("record_at").await?;
        let partitions = self.world.log.partitions();
        let entry = partitions[partition as usize].get(offset as usize);
        Ok(entry.cloned().flatten())
    }
}

struct SimReader {
    log: SimLog,
    at: Vec<PartitionEnd>,
}

impl SimReader {
    /// A few records of each partition, as far as there are any.
    fn take(&mut self, max: usize) -> Result<LogBatch, LogError> {
        let World { dice, log, .. } = &*self.log.world;
        let partitions = log.partitions();
        let mut batch = LogBatch::default();
        for at in &mut self.at {
            let entries = &partitions[at.partition as usize];
            let from = at.next_offset as usize;
            if from > entries.len() {
                return Err(LogError::OutOfRange {
                    partition: at.partition,
                    offset: at.next_offset,
                });
            }
            let most = (entries.len() - from).min(max - batch.entries.len()) as u64;
            let taken = if most == 0 { 0 } else { dice.within(0..=most) } as usize;
            if taken > 0 {
                batch
                    .entries
                    .extend(entries[from..from + taken].iter().flatten().cloned());
                at.next_offset += taken as i64;
                batch.positions.push(*at);
            }
        }
        Ok(batch)
    }
}

#[async_trait]
impl LogReader for SimReader {
    async fn next(&mut self, max: usize) -> Result<LogBatch, LogError> {
        loop {
            self.log.reach("next").await?;
            let world = Arc::clone(&self.log.world);
            let appended = world.log.appended.notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            if self.at == world.log.ends() {
                appended.await;
                continue;
            }
            let batch = self.take(max)?;
            if !batch.positions.is_empty() {
                return Ok(batch);
            }
        }
    }

    fn show_progress(&mut self, _positions: &[PartitionEnd]) {}
}
