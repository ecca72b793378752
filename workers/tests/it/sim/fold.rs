//! The plainest count of the log: what every report has to equal.

use std::collections::{BTreeMap, BTreeSet};

use shared::job::{GroupBy, Report, ReportRequest};
use shared::ports::{LogEntry, PartitionEnd};
use shared::wire::UserEventRecord;

/// Country, state and city as far as the level has them, with users and events.
pub(super) type Rows = BTreeMap<(String, Option<String>, Option<String>), (u64, u64)>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) users: u64,
    pub(super) events: u64,
    pub(super) rows: Rows,
}

/// Each id once, in the order of the log. Spellings are one to a place in these runs.
pub(super) fn fold(entries: &[LogEntry], request: &ReportRequest) -> Counts {
    let mut ids = BTreeSet::new();
    let mut users = BTreeSet::new();
    let mut events = 0;
    let mut groups: BTreeMap<_, (BTreeSet<String>, u64)> = BTreeMap::new();
    for entry in entries {
        let record = UserEventRecord::from_entry(entry).expect("only records of ours are in this log");
        let user = record.user;
        let late = request.from.is_some_and(|from| user.datetime < from);
        let early = request.to.is_some_and(|to| user.datetime >= to);
        if !ids.insert(record.id.to_string()) || late || early {
            continue;
        }
        let place = user.address;
        let group = match request.group_by {
            GroupBy::City => (place.country, place.state, Some(place.city)),
            GroupBy::State => (place.country, place.state, None),
            GroupBy::Country => (place.country, None, None),
        };
        let (at_place, count) = groups.entry(group).or_default();
        at_place.insert(user.id.clone());
        *count += 1;
        users.insert(user.id);
        events += 1;
    }
    let rows = groups
        .into_iter()
        .map(|(group, (users, events))| (group, (users.len() as u64, events)));
    Counts {
        users: users.len() as u64,
        events,
        rows: rows.collect(),
    }
}

/// What a report says, in the same shape.
pub(super) fn counts_of(report: &Report) -> Counts {
    let rows = report.rows.iter().cloned().map(|row| {
        let group = (row.country, row.state, row.city);
        (group, (row.users, row.events))
    });
    Counts {
        users: report.users,
        events: report.events,
        rows: rows.collect(),
    }
}

/// What a report includes, as ends of partitions.
pub(super) fn as_of(report: &Report) -> Vec<PartitionEnd> {
    let offsets = report.as_of.iter();
    offsets
        .map(|offset| PartitionEnd {
            partition: offset.partition,
            next_offset: offset.next_offset,
        })
        .collect()
}
