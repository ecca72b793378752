//! What crosses a process boundary, versioned by type name and pinned by golden files.

mod csv;
mod record;
mod stored_event;
mod trace;
mod wakeup;

pub use csv::{csv, harmless, report_csv};
pub use record::{RecordFault, UserEventRecord};
pub use stored_event::{StoredEvent, StoredEventFault};
pub use trace::TraceContext;
pub use wakeup::{WAKEUP_TYPE, WAKEUPS_TYPE, Wakeup, WakeupFault, WakeupMessage};
