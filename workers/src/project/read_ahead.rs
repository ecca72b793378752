//! The next batch is read and decoded while the one before is folded.

use std::pin::{Pin, pin};
use std::time::Duration;

use shared::ports::{FoldBatch, FoldPosition, LogError, LogReader, PartitionEnd};

use super::decode::Decoder;

/// Records of one transaction (measured: with fewer the same pages are written more often, more only take memory).
const BATCH_MAX: usize = 50_000;
/// Records that are asked for at a time: so many are decoded without a pause, and may be read in vain.
const READ_MAX: usize = 4_000;
/// Records that are worth a transaction without a wait for more.
const WORTH_ONE: usize = 4_000;

/// A reader of the log with what it has read and nobody has taken.
pub(super) struct ReadAhead {
    reader: Box<dyn LogReader>,
    decoder: Decoder,
    /// Why nothing more is read, behind what was decoded.
    ended: Option<Ended>,
}

/// Why no record follows.
#[derive(Debug)]
pub(super) enum Ended {
    /// The log cannot be read now.
    Log(LogError),
    /// P19: only a newer program can count the next record, which is of this type.
    Newer(String),
}

impl ReadAhead {
    /// Of `reader`, which stands at these positions.
    pub(super) fn new(reader: Box<dyn LogReader>, from: Vec<FoldPosition>) -> Self {
        Self {
            reader,
            decoder: Decoder::new(from),
            ended: None,
        }
    }

    /// The next batch, which moves a position at least. Who goes on after an error reads anew, from what was folded.
    pub(super) async fn next(&mut self) -> Result<FoldBatch, Ended> {
        self.begin().await?;
        Ok(self.decoder.take())
    }

    /// Waits for the first record of the next batch.
    pub(super) async fn begin(&mut self) -> Result<(), Ended> {
        while !self.decoder.has_moved() {
            if let Some(ended) = self.ended.take() {
                return Err(ended);
            }
            self.read().await;
        }
        Ok(())
    }

    /// Waits for `folded`, and reads meanwhile what the next batch has room for.
    pub(super) async fn during<T>(&mut self, folded: impl Future<Output = T>) -> T {
        let mut folded = pin!(folded);
        match self.fill(BATCH_MAX, folded.as_mut()).await {
            Some(done) => done,
            None => folded.await,
        }
    }

    /// Reads until the next batch is worth a transaction, but not longer than this.
    pub(super) async fn gather(&mut self, wait: Duration) {
        self.fill(WORTH_ONE, pin!(tokio::time::sleep(wait))).await;
    }

    /// Reads until there are so many records, or no more come, unless `until` comes first.
    async fn fill<T>(&mut self, records: usize, mut until: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        while self.ended.is_none() && self.decoder.records() < records {
            tokio::select! {
                biased;
                done = &mut until => return Some(done),
                () = self.read() => {}
            }
        }
        None
    }

    /// Whether nothing is read behind the batch that is being made.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn show_progress(&mut self, positions: &[PartitionEnd]) {
        self.reader.show_progress(positions);
    }

    /// May be dropped while it waits.
    async fn read(&mut self) {
        let room = BATCH_MAX - self.decoder.records();
        let read = self.reader.next(room.min(READ_MAX)).await.map_err(Ended::Log);
        let decoded = read.and_then(|read| self.decoder.add(read).map_err(Ended::Newer));
        self.ended = decoded.err();
    }
}

/// Where a reader stands that has read so far.
pub(super) fn ends(positions: &[FoldPosition]) -> Vec<PartitionEnd> {
    positions.iter().map(PartitionEnd::from).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use async_trait::async_trait;
    use shared::ports::{LogBatch, LogEntry};

    use super::*;

    /// Gives these answers, and then waits for ever.
    struct Script(VecDeque<Result<LogBatch, LogError>>);

    #[async_trait]
    impl LogReader for Script {
        async fn next(&mut self, max: usize) -> Result<LogBatch, LogError> {
            match self.0.pop_front() {
                Some(Ok(batch)) => {
                    assert!(batch.entries.len() <= max);
                    Ok(batch)
                }
                Some(Err(fault)) => Err(fault),
                None => pending().await,
            }
        }

        fn show_progress(&mut self, _positions: &[PartitionEnd]) {}
    }

    fn ahead(script: impl IntoIterator<Item = Result<LogBatch, LogError>>) -> ReadAhead {
        let from = FoldPosition {
            partition: 0,
            next_offset: 0,
            last: None,
        };
        ReadAhead::new(Box::new(Script(script.into_iter().collect())), vec![from])
    }

    /// One record of partition 0.
    fn record(offset: i64, type_name: &str) -> LogBatch {
        LogBatch {
            entries: vec![LogEntry {
                partition: 0,
                offset,
                timestamp_ms: 0,
                key: None,
                headers: [("ce_type", type_name), ("ce_id", "c:u/e")].into_iter().collect(),
                value: None,
            }],
            positions: Vec::new(),
        }
    }

    fn away() -> LogError {
        LogError::Away {
            operation: "read",
            source: None,
        }
    }

    #[tokio::test]
    async fn what_comes_during_a_fold_makes_one_batch() {
        let mut ahead = ahead((0..3).map(|offset| Ok(record(offset, "foreign"))));
        assert_eq!(ahead.next().await.unwrap().to[0].next_offset, 1);
        let folded = async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(ahead.during(folded).await, 7);
        let batch = ahead.next().await.unwrap();
        assert_eq!((batch.from[0].next_offset, batch.to[0].next_offset), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_within_a_wait_is_gathered_until_it_is_worth_a_transaction() {
        let few = (0..3).map(|offset| Ok(record(offset, "foreign")));
        let many = LogBatch {
            entries: (3..)
                .take(WORTH_ONE)
                .flat_map(|offset| record(offset, "foreign").entries)
                .collect(),
            positions: Vec::new(),
        };
        let (wait, began) = (Duration::from_secs(1), tokio::time::Instant::now());
        let mut ahead = ahead(few.chain([Ok(many), Ok(record(9_999, "foreign"))]));
        ahead.gather(wait).await;
        assert!(began.elapsed() < wait);
        assert_eq!(
            ahead.next().await.unwrap().to[0].next_offset,
            3 + WORTH_ONE as i64
        );
        ahead.gather(wait).await;
        assert_eq!(began.elapsed(), wait);
        assert_eq!(ahead.next().await.unwrap().to[0].next_offset, 10_000);
    }

    #[tokio::test]
    async fn a_fault_is_told_behind_what_was_read_before() {
        let mut ahead = ahead([Ok(record(0, "foreign")), Ok(record(1, "foreign")), Err(away())]);
        ahead.next().await.unwrap();
        ahead.during(std::future::ready(())).await;
        assert!(!ahead.has_ended());
        assert_eq!(ahead.next().await.unwrap().to[0].next_offset, 2);
        assert!(matches!(
            ahead.next().await,
            Err(Ended::Log(LogError::Away { .. }))
        ));
    }

    #[tokio::test]
    async fn p19_a_newer_record_is_known_while_what_precedes_it_is_folded() {
        let mut first = record(0, "foreign");
        first.entries.extend(record(1, "census.user-event.v2").entries);
        let mut ahead = ahead([Ok(first)]);
        assert_eq!(ahead.next().await.unwrap().to[0].next_offset, 1);
        assert!(ahead.has_ended());
        ahead.during(std::future::ready(())).await;
        assert!(matches!(ahead.next().await, Err(Ended::Newer(_))));
    }
}
