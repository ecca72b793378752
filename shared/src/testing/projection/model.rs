//! Random events, folded in random batches, against the plainest count of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::{Folder, ProjectionUnderTest, event, query};
use crate::event::EventId;
use crate::job::{GroupBy, Report, ReportRow};
use crate::ports::{FoldEvent, ReportQuery, SpeltPlace};
use crate::time::Timestamp;

const SEED: u64 = 15;
const BATCHES: usize = 60;

/// After each batch, at each level, with and without a span.
pub async fn random_events_make_the_same_reports_as_a_plain_count(subject: &dyn ProjectionUnderTest) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut folder = Folder::start(subject).await;
    let mut plain = Plain::default();
    let mut places: Vec<Arc<SpeltPlace>> = Vec::new();
    for batch in 0..BATCHES {
        let mut events: Vec<FoldEvent> = (0..random.random_range(0..60))
            .map(|_| random_event(&mut random))
            .collect();
        // Some share their places, as a decoder lets them.
        for event in &mut events {
            match places.iter().find(|place| **place == event.place) {
                Some(known) if random.random_bool(0.7) => event.place = Arc::clone(known),
                Some(_) => {}
                None => places.push(Arc::clone(&event.place)),
            }
        }
        let before = plain.events.len();
        plain.take(&events);
        let applied = (plain.events.len() - before) as u64;
        let duplicates = events.len() as u64 - applied;
        assert_eq!(folder.fold(events).await, (applied, duplicates), "batch {batch}");
        let from = random.random_range(0..10);
        for group_by in [GroupBy::City, GroupBy::State, GroupBy::Country] {
            for (from, to) in [(None, None), (Some(from), None), (Some(from), Some(from + 5))] {
                let query = ReportQuery {
                    from: from.map(Timestamp::from_millis),
                    to: to.map(Timestamp::from_millis),
                    ..query(group_by)
                };
                let expected = plain.report(&query);
                let Report {
                    users, events, rows, ..
                } = folder.report(query).await;
                let at = format!("batch {batch}, {group_by:?}, {from:?} to {to:?}");
                assert_eq!((users, events, rows), expected, "{at}");
            }
        }
    }
}

fn random_event(random: &mut ChaCha8Rng) -> FoldEvent {
    let mut pick = |texts: &[&'static str]| texts[random.random_range(0..texts.len())];
    let place = [
        pick(&["DE", "US"]),
        pick(&["", "Oh", "OH", "oh", "MI"]),
        pick(&["Neustadt", "NEUSTADT", "neustadt", "Zell", "zell"]),
    ];
    let user = pick(&["a", "b", "c", "d", "e", "f", "g"]);
    let mut event = event(random.random_range(0..400), user, place);
    event.time = Timestamp::from_millis(random.random_range(0..12));
    if random.random_bool(0.3) {
        event.id = EventId::Client {
            user: user.to_owned(),
            event: random.random_range(0..20).to_string(),
        };
    } else if let EventId::Ordinal { root, .. } = &mut event.id {
        *root = Uuid::from_u128(random.random_range(0..3));
    }
    event
}

/// All events that count, and nothing else.
#[derive(Default)]
struct Plain {
    ids: HashSet<EventId>,
    events: Vec<FoldEvent>,
}

/// Country, state and city, as far as the level has them.
type Group = (String, Option<String>, Option<String>);

impl Plain {
    fn take(&mut self, events: &[FoldEvent]) {
        for event in events {
            if self.ids.insert(event.id.clone()) {
                self.events.push(event.clone());
            }
        }
    }

    fn report(&self, query: &ReportQuery) -> (u64, u64, Vec<ReportRow>) {
        let counted: Vec<&FoldEvent> = self
            .events
            .iter()
            .filter(|event| query.from.is_none_or(|from| event.time >= from))
            .filter(|event| query.to.is_none_or(|to| event.time < to))
            .collect();
        let mut groups: BTreeMap<Group, (BTreeSet<&str>, u64)> = BTreeMap::new();
        for event in &counted {
            let (users, events) = groups.entry(group(event, query.group_by)).or_default();
            users.insert(&event.user);
            *events += 1;
        }
        let mut rows: Vec<ReportRow> = groups
            .into_iter()
            .map(|((country, state, city), (users, events))| ReportRow {
                state: self.shown(
                    |event| {
                        let place = &event.place;
                        (place.key.country == country && place.key.state == state)
                            .then_some(place.state.as_deref())
                    },
                    state.is_some(),
                ),
                city: self.shown(
                    |event| {
                        let place = &event.place;
                        (place.key.country == country
                            && place.key.state == state
                            && Some(&place.key.city) == city.as_ref())
                        .then_some(Some(place.city.as_str()))
                    },
                    city.is_some(),
                ),
                country,
                users: users.len() as u64,
                events,
            })
            .collect();
        Report::sort_rows(&mut rows);
        let users: BTreeSet<&str> = counted.iter().map(|event| event.user.as_str()).collect();
        (users.len() as u64, counted.len() as u64, rows)
    }

    /// The most frequent spelling over all time of what `spelt` finds, of equals the smallest.
    fn shown<'a>(
        &'a self,
        spelt: impl Fn(&'a FoldEvent) -> Option<Option<&'a str>>,
        present: bool,
    ) -> Option<String> {
        if !present {
            return None;
        }
        let mut spellings: BTreeMap<&str, u64> = BTreeMap::new();
        for spelling in self.events.iter().filter_map(spelt).flatten() {
            *spellings.entry(spelling).or_default() += 1;
        }
        let most = spellings.values().max().copied()?;
        spellings
            .into_iter()
            .find(|(_, events)| *events == most)
            .map(|(text, _)| text.to_owned())
    }
}

fn group(event: &FoldEvent, group_by: GroupBy) -> Group {
    let place = &event.place.key;
    let (state, city) = match group_by {
        GroupBy::City => (place.state.clone(), Some(place.city.clone())),
        GroupBy::State => (place.state.clone(), None),
        GroupBy::Country => (None, None),
    };
    (place.country.clone(), state, city)
}
