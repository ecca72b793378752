//! The next batch is read and decoded while the one before is folded.

use std::mem;
use std::pin::pin;

use shared::ports::{FoldBatch, FoldPosition, LogError, LogReader, PartitionEnd};

use super::decode::Decoder;

/// Records of one transaction (measured: with fewer the same pages are written more often, more only take memory).
const BATCH_MAX: usize = 50_000;

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

    /// The next batch, which moves a position at least. After an error there is none.
    pub(super) async fn next(&mut self) -> Result<FoldBatch, Ended> {
        while !self.decoder.has_moved() {
            if let Some(ended) = self.ended.take() {
                return Err(ended);
            }
            self.read().await;
        }
        let next = Decoder::new(self.decoder.batch().to.clone());
        Ok(mem::replace(&mut self.decoder, next).into_batch())
    }

    /// Waits for `folded`, and reads meanwhile what the next batch has room for.
    pub(super) async fn during<T>(&mut self, folded: impl Future<Output = T>) -> T {
        let mut folded = pin!(folded);
        while self.ended.is_none() && self.decoder.records() < BATCH_MAX {
            tokio::select! {
                biased;
                done = &mut folded => return done,
                () = self.read() => {}
            }
        }
        folded.await
    }

    pub(super) fn show_progress(&mut self, positions: &[PartitionEnd]) {
        self.reader.show_progress(positions);
    }

    /// May be dropped while it waits.
    async fn read(&mut self) {
        let room = BATCH_MAX - self.decoder.records();
        let read = self.reader.next(room).await.map_err(Ended::Log);
        let decoded = read.and_then(|read| self.decoder.add(read).map_err(Ended::Newer));
        self.ended = decoded.err();
    }
}

/// Where a reader stands that has read so far.
pub(super) fn ends(positions: &[FoldPosition]) -> Vec<PartitionEnd> {
    positions.iter().map(PartitionEnd::from).collect()
}
