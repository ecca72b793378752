//! Places of the three levels: found or made by their key, and shown by their most frequent spelling.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::generation::Tables;
use crate::place::PlaceKey;
use crate::ports::{FoldEvent, SpeltPlace};

/// The levels as they are stored.
pub(super) const CITY: i64 = 0;
pub(super) const STATE: i64 = 1;
pub(super) const COUNTRY: i64 = 2;

/// The rows at which an event counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) city: i64,
    state: i64,
    country: i64,
}

impl Ids {
    pub(super) const LEVELS: usize = 3;

    /// From the city outwards.
    pub(super) const fn levels(&self) -> [i64; Self::LEVELS] {
        [self.city, self.state, self.country]
    }
}

/// The places of a batch.
#[derive(Default)]
pub(super) struct Seen<'a> {
    /// The rows of each event's place, in the order of the events.
    pub(super) at: Vec<Ids>,
    /// The places that the events share.
    pub(super) shared: Vec<SharedPlace<'a>>,
}

/// A place as some events of a batch spell it.
pub(super) struct SharedPlace<'a> {
    pub(super) ids: Ids,
    /// How many they are.
    pub(super) events: i64,
    spelt: &'a SpeltPlace,
}

/// The places of `events`; missing rows are made.
pub(super) fn intern<'a>(
    file: &Connection,
    t: Tables,
    events: &[&'a FoldEvent],
) -> rusqlite::Result<Seen<'a>> {
    let mut seen = Seen::default();
    // By address: what events do not share is found twice, and comes out the same.
    let mut known: HashMap<*const SpeltPlace, usize> = HashMap::new();
    for event in events {
        let n = match known.entry(Arc::as_ptr(&event.place)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                seen.shared.push(SharedPlace {
                    ids: find_or_make(file, t, &event.place.key)?,
                    events: 0,
                    spelt: &event.place,
                });
                *unknown.insert(seen.shared.len() - 1)
            }
        };
        seen.shared[n].events += 1;
        seen.at.push(seen.shared[n].ids);
    }
    Ok(seen)
}

/// The rows of a city's place.
pub(super) fn of_city(file: &Connection, t: Tables, city: i64) -> rusqlite::Result<Ids> {
    file.prepare_cached(&format!(
        "SELECT in_state, in_country FROM {t}places WHERE id = ?1"
    ))?
    .query_row([city], |row| {
        Ok(Ids {
            city,
            state: row.get(0)?,
            country: row.get(1)?,
        })
    })
}

fn find_or_make(file: &Connection, t: Tables, key: &PlaceKey) -> rusqlite::Result<Ids> {
    let PlaceKey { country, state, city } = key;
    let mut find = file.prepare_cached(&format!(
        "SELECT id FROM {t}places WHERE level = ?1 AND country = ?2 AND state IS ?3 AND city IS ?4"
    ))?;
    let mut make = file.prepare_cached(&format!(
        "INSERT INTO {t}places (level, country, state, city, in_state, in_country)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?;
    let mut row = |level: i64,
                   state: Option<&str>,
                   city: Option<&str>,
                   parents: (Option<i64>, Option<i64>)|
     -> rusqlite::Result<i64> {
        let found = find
            .query_row(params![level, country, state, city], |row| row.get(0))
            .optional()?;
        match found {
            Some(id) => Ok(id),
            None => make.insert(params![level, country, state, city, parents.0, parents.1]),
        }
    };
    let country = row(COUNTRY, None, None, (None, None))?;
    let state_id = row(STATE, state.as_deref(), None, (None, Some(country)))?;
    let city = row(
        CITY,
        state.as_deref(),
        Some(city.as_str()),
        (Some(state_id), Some(country)),
    )?;
    Ok(Ids {
        city,
        state: state_id,
        country,
    })
}

/// Counts the spellings of these places, and shows the most frequent one, of equals the smallest by code points.
pub(super) fn spell(file: &Connection, t: Tables, places: &[SharedPlace<'_>]) -> rusqlite::Result<()> {
    let mut spellings: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for SharedPlace { ids, events, spelt } in places {
        *spellings.entry((ids.city, &spelt.city)).or_default() += events;
        if let Some(state) = &spelt.state {
            *spellings.entry((ids.state, state)).or_default() += events;
        }
    }
    let mut count = file.prepare_cached(&format!(
        "INSERT INTO {t}spellings (place, text, events) VALUES (?1, ?2, ?3)
         ON CONFLICT (place, text) DO UPDATE SET events = events + excluded.events"
    ))?;
    for ((place, text), events) in &spellings {
        count.execute(params![place, text, events])?;
    }
    let mut changed: Vec<i64> = spellings.keys().map(|(place, _)| *place).collect();
    changed.dedup();
    // SQLite compares the bytes of UTF-8, whose order is that of the code points.
    let mut show = file.prepare_cached(&format!(
        "UPDATE {t}places SET shown =
           (SELECT text FROM {t}spellings WHERE place = ?1 ORDER BY events DESC, text LIMIT 1)
         WHERE id = ?1"
    ))?;
    for place in changed {
        show.execute([place])?;
    }
    Ok(())
}
