//! Bytes that come in pieces become lines, or CSV records, of a bounded length.

/// Cuts a stream into records; holds at most one, cut to its limit.
pub(super) struct Lines {
    /// Whether a line break inside double quotes belongs to the record.
    quoted: bool,
    max_bytes: usize,
    record: Vec<u8>,
    length: usize,
    in_quotes: bool,
    line: u64,
    first_line: u64,
}

/// One record without its line break.
pub(super) struct Line<'a> {
    /// The first physical line of the record, from 1.
    pub(super) number: u64,
    /// The record, cut to the limit.
    pub(super) bytes: &'a [u8],
    /// Whether it was longer than the limit.
    pub(super) too_long: bool,
    /// Whether the stream ended inside quotes.
    pub(super) unclosed: bool,
}

impl Lines {
    pub(super) fn new(quoted: bool, max_bytes: usize) -> Self {
        Self {
            quoted,
            max_bytes,
            record: Vec::new(),
            length: 0,
            in_quotes: false,
            line: 1,
            first_line: 1,
        }
    }

    /// Takes the next piece and gives every record that is complete.
    pub(super) fn push<E>(
        &mut self,
        mut piece: &[u8],
        mut give: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (rest, after) = (&piece[..end], &piece[end + 1..]);
            self.take(rest);
            piece = after;
            self.line += 1;
            // Past the limit nothing is known of quotes any more: the record ends at its line.
            if self.in_quotes && self.length <= self.max_bytes {
                self.take(b"\n");
            } else {
                give(self.current(false))?;
                self.restart();
            }
        }
        self.take(piece);
        Ok(())
    }

    /// Gives what the stream ended with, if it did not end with a line break.
    pub(super) fn end<E>(&mut self, mut give: impl FnMut(Line<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.length > 0 {
            give(self.current(self.in_quotes))?;
            self.restart();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.quoted && bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            self.in_quotes = !self.in_quotes;
        }
        self.length += bytes.len();
        let room = self.max_bytes.saturating_sub(self.record.len());
        self.record.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn current(&self, unclosed: bool) -> Line<'_> {
        let bytes = self.record.strip_suffix(b"\r").unwrap_or(&self.record);
        // A byte order mark belongs to the stream, not to its first record.
        let bytes = if self.first_line == 1 {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        } else {
            bytes
        };
        Line {
            number: self.first_line,
            bytes,
            too_long: self.length > self.max_bytes + 1,
            unclosed,
        }
    }

    fn restart(&mut self) {
        self.record.clear();
        self.length = 0;
        self.in_quotes = false;
        self.first_line = self.line;
    }
}
