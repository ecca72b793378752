//! One batch becomes rows and counts. Keys are sorted before they are inserted: scattered pages cost the most.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;

use super::Fault;
use super::applied::{Hash, keep_new, user_hash};
use super::count::{Level, add_counts, add_users};
use crate::place::PlaceKey;
use crate::ports::{FoldEvent, FoldOutcome, QuarantineRecord};

/// Applies what is new and puts aside what is not ours.
pub(super) fn fold(
    connection: &Connection,
    events: Vec<FoldEvent>,
    quarantine: &[QuarantineRecord],
) -> Result<FoldOutcome, Fault> {
    let read = events.len();
    let new = keep_new(connection, events)?;
    let outcome = FoldOutcome {
        applied: new.len() as u64,
        duplicates: (read - new.len()) as u64,
    };
    apply(connection, &new)?;
    put_aside(connection, quarantine)?;
    Ok(outcome)
}

/// Where an event is counted.
#[derive(Clone, Copy)]
struct PlaceIds {
    country: i64,
    region: i64,
    place: i64,
}

fn apply(connection: &Connection, events: &[FoldEvent]) -> Result<(), Fault> {
    let mut known: HashMap<&PlaceKey, PlaceIds> = HashMap::new();
    let mut rows = BTreeMap::new();
    let mut spellings: BTreeMap<(bool, i64, &str), i64> = BTreeMap::new();
    let mut pairs: [BTreeSet<(i64, Hash)>; Level::ALL.len()] = Default::default();
    let mut counts: [BTreeMap<i64, i64>; Level::ALL.len()] = Default::default();
    for event in events {
        let ids = match known.get(&event.place) {
            Some(ids) => *ids,
            None => *known
                .entry(&event.place)
                .or_insert(place_ids(connection, &event.place)?),
        };
        let user = user_hash(&event.user);
        rows.insert(
            (event.time.as_millis(), event.partition, event.offset),
            (ids.place, user),
        );
        *spellings.entry((false, ids.place, &event.city)).or_default() += 1;
        if let Some(state) = &event.state {
            *spellings.entry((true, ids.region, state)).or_default() += 1;
        }
        for (slot, id) in [0, ids.country, ids.region, ids.place].into_iter().enumerate() {
            pairs[slot].insert((id, user));
            *counts[slot].entry(id).or_default() += 1;
        }
    }
    insert_rows(connection, &rows)?;
    add_spellings(connection, &spellings)?;
    for ((level, pairs), counts) in Level::ALL.into_iter().zip(&pairs).zip(&counts) {
        let new_users = add_users(connection, level, pairs)?;
        add_counts(connection, level, counts, &new_users)?;
    }
    Ok(())
}

fn place_ids(connection: &Connection, key: &PlaceKey) -> Result<PlaceIds, Fault> {
    // An update that changes nothing makes RETURNING answer for a row that was there before.
    let country = connection
        .prepare_cached(
            "INSERT INTO countries (country) VALUES (?1)
             ON CONFLICT DO UPDATE SET country = country RETURNING id",
        )?
        .query_row([&key.country], |row| row.get(0))?;
    let region = connection
        .prepare_cached(
            "INSERT INTO regions (country, state) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET state = state RETURNING id",
        )?
        .query_row((country, key.state.as_deref().unwrap_or_default()), |row| {
            row.get(0)
        })?;
    let place = connection
        .prepare_cached(
            "INSERT INTO places (region, city) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET city = city RETURNING id",
        )?
        .query_row((region, &key.city), |row| row.get(0))?;
    Ok(PlaceIds {
        country,
        region,
        place,
    })
}

fn insert_rows(connection: &Connection, rows: &BTreeMap<(i64, i32, i64), (i64, Hash)>) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for ((time_ms, partition, offset), (place, user)) in rows {
        insert.execute((time_ms, partition, offset, place, user))?;
    }
    Ok(())
}

fn add_spellings(connection: &Connection, spellings: &BTreeMap<(bool, i64, &str), i64>) -> Result<(), Fault> {
    let add = |table: &str| {
        connection.prepare_cached(&format!(
            "INSERT INTO {table} VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET events = events + excluded.events"
        ))
    };
    let (mut of_places, mut of_regions) = (add("place_spellings")?, add("region_spellings")?);
    for ((is_region, id, text), events) in spellings {
        let statement = if *is_region {
            &mut of_regions
        } else {
            &mut of_places
        };
        statement.execute((id, text, events))?;
    }
    Ok(())
}

fn put_aside(connection: &Connection, quarantine: &[QuarantineRecord]) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
    for record in quarantine {
        insert.execute((record.partition, record.offset, &record.reason, &record.bytes))?;
    }
    Ok(())
}
