//! A long stream of lines is read by several tasks at a time: whole lines in the middle of a piece need nothing of what
//! stands around them. What lies over the edge of two pieces, and all of CSV, is read in turn.

use std::collections::VecDeque;
use std::panic;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::records::{Record, RecordReader};
use crate::refusal::Refusal;
use crate::submit::ImportFormat;

/// A block of less is read at once: handing it to another task takes longer.
const BLOCK_BYTES_MIN: usize = 8 * 1024;
/// Blocks that are being read, or are read and not taken.
const BLOCKS_MAX: usize = 2;

/// Splits a stream into records and reads each, in order.
pub(crate) struct BlockReader {
    /// Reads what is not read by a task, and knows the line at which the stream stands.
    edge: RecordReader,
    is_lines: bool,
    read: VecDeque<Block>,
}

enum Block {
    Read(Vec<Record>),
    Reading(JoinHandle<Vec<Record>>),
}

impl BlockReader {
    pub(crate) fn new(format: ImportFormat, max_line: usize, max_text: usize) -> Self {
        Self {
            edge: RecordReader::new(format, max_line, max_text),
            is_lines: match format {
                ImportFormat::Ndjson => true,
                ImportFormat::Csv => false,
            },
            read: VecDeque::new(),
        }
    }

    /// Takes the next piece of the stream.
    ///
    /// # Errors
    /// Where the CSV header is wrong.
    pub(crate) fn feed(&mut self, piece: &Bytes) -> Result<(), Refusal> {
        let Some((from, to)) = self.whole_lines(piece) else {
            return self.feed_edge(piece);
        };
        self.feed_edge(&piece[..from])?;
        let block = piece.slice(from..to);
        let reader = self.edge.jump_over(&block);
        self.read.push_back(Block::Reading(tokio::spawn(
            async move { reader.read_lines(&block) },
        )));
        self.feed_edge(&piece[to..])
    }

    /// Takes the end of the stream.
    ///
    /// # Errors
    /// Where the CSV header is wrong.
    pub(crate) fn finish(&mut self) -> Result<(), Refusal> {
        let mut records = Vec::new();
        self.edge.finish(&mut records)?;
        self.read.push_back(Block::Read(records));
        Ok(())
    }

    /// The next records, where so many blocks wait that no more should be fed.
    pub(crate) async fn relieve(&mut self) -> Option<Vec<Record>> {
        let full = self.read.len() > BLOCKS_MAX || matches!(self.read.front(), Some(Block::Read(_)));
        if full { self.next().await } else { None }
    }

    /// The next records; `None` when all that was fed was given.
    pub(crate) async fn next(&mut self) -> Option<Vec<Record>> {
        match self.read.pop_front()? {
            Block::Read(records) => Some(records),
            Block::Reading(task) => match task.await {
                Ok(records) => Some(records),
                // Nobody else can abort it, unless the runtime goes down.
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => panic::resume_unwind(panic),
                    Err(_) => std::future::pending().await,
                },
            },
        }
    }

    /// From where to where a piece holds whole lines that are worth a task: behind its first line break and its last.
    fn whole_lines(&self, piece: &[u8]) -> Option<(usize, usize)> {
        if !self.is_lines || piece.len() < BLOCK_BYTES_MIN {
            return None;
        }
        let is_break = |byte: &u8| *byte == b'\n';
        let from = piece.iter().position(is_break)? + 1;
        let to = piece.iter().rposition(is_break)? + 1;
        (to - from >= BLOCK_BYTES_MIN).then_some((from, to))
    }

    fn feed_edge(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut records = Vec::new();
        self.edge.feed(bytes, &mut records)?;
        if !records.is_empty() {
            self.read.push_back(Block::Read(records));
        }
        Ok(())
    }
}
