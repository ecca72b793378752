//! How a process learns that another has written to a SQLite file: the end of a turn that brought news writes to a file
//! that inotify watches. Nobody polls.

use std::io;
use std::path::Path;
use std::time::Duration;

use inotify::{EventStream, Inotify, StreamExt, WatchMask};

use super::turnstile;

/// How often there may be news where the system tells of none.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Room for some events of a file, of 16 bytes each.
const EVENTS_BYTES: usize = 256;

/// The news of one database, since the making of this.
pub(super) struct TurnWatch {
    /// `None` where files cannot be watched.
    told: Option<EventStream<[u8; EVENTS_BYTES]>>,
}

impl TurnWatch {
    /// Watches the turns at `database`, which a [`super::Writer`] has opened before. To be called within a runtime.
    pub(super) fn beside(database: &Path) -> Self {
        let told = watch(&turnstile::news_of(database));
        if let Err(error) = &told {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the system does not tell when another process writes to the store: it is read every 5 ms while anybody waits"
            );
        }
        Self { told: told.ok() }
    }

    /// Until a turn has brought news that no call has told of, or may have.
    pub(super) async fn news(&mut self) {
        if let Some(told) = &mut self.told
            && let Some(Ok(_turn)) = told.next().await
        {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn watch(file: &Path) -> io::Result<EventStream<[u8; EVENTS_BYTES]>> {
    let events = Inotify::init()?;
    events.watches().add(file, WatchMask::MODIFY)?;
    events.into_event_stream([0; EVENTS_BYTES])
}

#[cfg(test)]
mod tests {
    use super::turnstile::Turnstile;
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_turn_that_ends_with_news_is_told_to_all_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("some.db");
        let turnstile = Turnstile::open(&database).unwrap();
        let mut watches = [TurnWatch::beside(&database), TurnWatch::beside(&database)];
        for _ in 0..3 {
            turnstile.take().unwrap().end(false);
            let turn = turnstile.take().unwrap();
            for watch in &mut watches {
                let early = tokio::time::timeout(Duration::from_millis(20), watch.news());
                assert!(early.await.is_err(), "there are no news yet");
            }
            turn.end(true);
            for watch in &mut watches {
                tokio::time::timeout(LONG, watch.news()).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn who_cannot_be_told_looks() {
        let folder = tempfile::tempdir().unwrap();
        let mut nothing = TurnWatch::beside(&folder.path().join("missing.db"));
        tokio::time::timeout(LONG, nothing.news()).await.unwrap();
    }
}
