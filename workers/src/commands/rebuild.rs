//! `rebuild`: the counts of the whole log, made anew beside those that are read (P20).

use std::sync::Arc;

use serde::Serialize;
use shared::config::Config;

use super::{CommandFault, print};
use crate::app::Counts;
use crate::process::shutdown_signal;
use crate::project::{Rebuilder, Rebuilt};

/// Rebuilds until the new counts have taken over.
pub(super) async fn rebuild(config: &Config) -> Result<(), CommandFault> {
    let counts = Counts::open(config)?;
    let projection = Arc::new(counts.projection.clone());
    let rebuilder = Rebuilder {
        log: counts.open_log(config)?,
        projection: Arc::clone(&projection) as _,
        next: projection,
    };
    tell(rebuilder.run(&shutdown_signal()?).await?)
}

/// Says what the new counts hold.
pub(super) fn tell(rebuilt: Rebuilt) -> Result<(), CommandFault> {
    #[derive(Serialize)]
    struct Line {
        events: u64,
        duplicates: u64,
        quarantined: u64,
    }
    let Rebuilt {
        events,
        duplicates,
        quarantined,
    } = rebuilt;
    print(&Line {
        events,
        duplicates,
        quarantined,
    })
}
