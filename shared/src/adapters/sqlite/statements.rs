//! The statements of one batch: each is looked up once and stays at hand until the batch ends. rusqlite's own cache
//! copies and hashes a statement's text at every use, which was a tenth of what a job costs its writer.

use rusqlite::{CachedStatement, Connection};

/// What the callers of a batch have used so far and do not use now.
#[derive(Default)]
pub struct Statements<'c>(Vec<(&'static str, CachedStatement<'c>)>);

impl<'c> Statements<'c> {
    /// Takes the statement with this text, prepared where the batch has not used it yet.
    pub(super) fn take(
        &mut self,
        connection: &'c Connection,
        sql: &'static str,
    ) -> rusqlite::Result<CachedStatement<'c>> {
        // Texts are constants of the program: the same place is the same text. Of one text at two places, rusqlite's
        // cache keeps one statement, and each batch prepares the other.
        match self.0.iter().position(|(text, _)| std::ptr::eq(*text, sql)) {
            Some(place) => Ok(self.0.swap_remove(place).1),
            None => connection.prepare_cached(sql),
        }
    }

    /// Gives back what was taken.
    pub(super) fn put(&mut self, sql: &'static str, statement: CachedStatement<'c>) {
        self.0.push((sql, statement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSERT: &str = "INSERT INTO t (x) VALUES (?1)";

    #[test]
    fn a_statement_is_used_again_also_after_it_has_failed() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x UNIQUE)").unwrap();
        let mut statements = Statements::default();
        for (x, fits) in [(1, true), (1, false), (2, true)] {
            let mut insert = statements.take(&connection, INSERT).unwrap();
            assert_eq!(insert.execute([x]).is_ok(), fits);
            statements.put(INSERT, insert);
        }
        assert_eq!(statements.0.len(), 1);
    }

    #[test]
    fn one_text_may_be_in_use_twice() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x UNIQUE)").unwrap();
        let mut statements = Statements::default();
        let mut outer = statements.take(&connection, INSERT).unwrap();
        let mut inner = statements.take(&connection, INSERT).unwrap();
        assert_eq!((outer.execute([1]), inner.execute([2])), (Ok(1), Ok(1)));
    }
}
