//! The truth: the records of the log itself, read past Census, de-duplicated and folded by hand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

const KAFKA_PATIENCE: Duration = Duration::from_secs(20);

/// Everything that is in the log, by partition, in the order of offsets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(pub(crate) BTreeMap<i32, Vec<Entry>>);

/// One record.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    /// `None` of a record that is no event of Census.
    pub(crate) event: Option<Event>,
}

/// What is counted of an event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) place: Place,
    pub(crate) datetime: String,
}

/// Country, state and city, as they are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) String, pub(crate) String, pub(crate) String);

/// What a report says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) users: u64,
    pub(crate) events: u64,
    pub(crate) quarantined: u64,
    /// Users and events of each place.
    pub(crate) places: BTreeMap<Place, (u64, u64)>,
}

impl Log {
    /// The log of the profile `embedded`.
    pub(crate) fn of_sqlite(data: &Path) -> Self {
        let file = Connection::open_with_flags(data.join("log.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the log's file is there");
        let mut select = file
            .prepare("SELECT partition, offset, headers, value FROM records ORDER BY partition, offset")
            .expect("the log has its table");
        let mut log = Self::default();
        let mut rows = select.query([]).expect("the log can be read");
        while let Some(row) = rows.next().expect("the log can be read") {
            let headers: String = row.get_unwrap(2);
            let headers: BTreeMap<String, String> = serde_json::from_str::<Vec<_>>(&headers)
                .map_or_else(|_| BTreeMap::new(), BTreeMap::from_iter);
            let value: Vec<u8> = row.get_unwrap(3);
            log.push(row.get_unwrap(0), row.get_unwrap(1), &headers, Some(&value));
        }
        log
    }

    /// The topic as it stands now.
    pub(crate) fn of_kafka(brokers: &str, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "census-checker")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "false")
            .create()
            .expect("a consumer needs no broker to begin");
        let metadata = consumer
            .fetch_metadata(Some(topic), KAFKA_PATIENCE)
            .expect("Kafka answers");
        let mut log = Self::default();
        for partition in metadata.topics()[0].partitions() {
            log.read_partition(&consumer, topic, partition.id());
        }
        log
    }

    fn read_partition(&mut self, consumer: &BaseConsumer, topic: &str, partition: i32) {
        let (first, end) = consumer
            .fetch_watermarks(topic, partition, KAFKA_PATIENCE)
            .expect("Kafka answers");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, partition, Offset::Offset(first))
            .expect("an offset that Kafka named");
        consumer.assign(&from).expect("the partition is there");
        let mut next = first;
        while next < end {
            let message = consumer
                .poll(KAFKA_PATIENCE)
                .expect("a record below the end comes")
                .expect("the partition can be read");
            let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), text(h.value)))
                    .collect()
            });
            next = message.offset() + 1;
            self.push(partition, message.offset(), &headers, message.payload());
        }
    }

    fn push(
        &mut self,
        partition: i32,
        offset: i64,
        headers: &BTreeMap<String, String>,
        value: Option<&[u8]>,
    ) {
        let event = event_of(headers, value);
        self.0.entry(partition).or_default().push(Entry { offset, event });
    }

    /// How often each event's id is in the log.
    pub(crate) fn ids(&self) -> BTreeMap<&str, u64> {
        let mut ids = BTreeMap::new();
        for event in self.0.values().flatten().filter_map(|entry| entry.event.as_ref()) {
            *ids.entry(event.id.as_str()).or_default() += 1;
        }
        ids
    }

    /// The end of every partition that holds a record.
    pub(crate) fn ends(&self) -> BTreeMap<i32, i64> {
        let end = |entries: &Vec<Entry>| entries.last().map(|last| last.offset + 1);
        let ends = self
            .0
            .iter()
            .filter_map(|(partition, entries)| Some((*partition, end(entries)?)));
        ends.collect()
    }

    /// The fold of what is below these offsets and within these moments, each event once: of equal ids the first
    /// counts. A place is told apart by as much of it as `group_by` says.
    pub(crate) fn counts(
        &self,
        as_of: &BTreeMap<i32, i64>,
        group_by: &str,
        within: impl Fn(&str) -> bool,
    ) -> Counts {
        let mut users = HashSet::new();
        let mut places: HashMap<&Place, (HashSet<&str>, u64)> = HashMap::new();
        let mut counts = Counts::default();
        for (partition, entries) in &self.0 {
            let end = as_of.get(partition).copied().unwrap_or(0);
            // A user's events are in one partition, and so are equal ids.
            let mut seen = HashSet::new();
            for entry in entries.iter().filter(|entry| entry.offset < end) {
                let Some(event) = &entry.event else {
                    counts.quarantined += 1;
                    continue;
                };
                if seen.insert(event.id.as_str()) && within(&event.datetime) {
                    counts.events += 1;
                    users.insert(event.user.as_str());
                    let (at_place, events) = places.entry(&event.place).or_default();
                    at_place.insert(&event.user);
                    *events += 1;
                }
            }
        }
        counts.users = users.len() as u64;
        counts.places = grouped(places, group_by);
        counts
    }
}

fn grouped(places: HashMap<&Place, (HashSet<&str>, u64)>, group_by: &str) -> BTreeMap<Place, (u64, u64)> {
    let mut groups: BTreeMap<Place, (HashSet<&str>, u64)> = BTreeMap::new();
    for (place, (users, events)) in places {
        let group = groups.entry(place.by(group_by)).or_default();
        group.0.extend(users);
        group.1 += events;
    }
    let numbers = |(users, events): (HashSet<&str>, u64)| (users.len() as u64, events);
    groups
        .into_iter()
        .map(|(place, at)| (place, numbers(at)))
        .collect()
}

impl Counts {
    /// What a report says, as the API shows it.
    pub(crate) fn of_report(report: &Value) -> Self {
        let number = |value: &Value| value.as_u64().expect("counts are numbers");
        let rows = report["rows"].as_array().expect("a report has rows");
        Self {
            users: number(&report["users"]),
            events: number(&report["events"]),
            quarantined: number(&report["quarantined"]),
            places: rows
                .iter()
                .map(|row| (Place::of(row), (number(&row["users"]), number(&row["events"]))))
                .collect(),
        }
    }
}

impl Place {
    fn by(&self, group_by: &str) -> Self {
        let Self(country, state, city) = self.clone();
        match group_by {
            "country" => Self(country, String::new(), String::new()),
            "state" => Self(country, state, String::new()),
            _ => Self(country, state, city),
        }
    }

    /// The place in these members.
    pub(crate) fn of(members: &Value) -> Self {
        let text = |name: &str| members[name].as_str().unwrap_or_default();
        Self(
            text("country").to_owned(),
            fold(text("state")),
            fold(text("city")),
        )
    }
}

/// The offsets that a report says it includes, of partitions of which it includes anything.
pub(crate) fn as_of(report: &Value) -> BTreeMap<i32, i64> {
    let partitions = report["as_of"]
        .as_array()
        .expect("a report says what it includes");
    let number = |value: &Value| value.as_i64().expect("offsets are numbers");
    partitions
        .iter()
        .map(|p| (number(&p["partition"]) as i32, number(&p["next_offset"])))
        .filter(|(_, next_offset)| *next_offset > 0)
        .collect()
}

fn event_of(headers: &BTreeMap<String, String>, value: Option<&[u8]>) -> Option<Event> {
    if headers.get("ce_type")? != "census.user-event.v1" {
        return None;
    }
    let user: Value = serde_json::from_slice(value?).ok()?;
    Some(Event {
        id: headers.get("ce_id")?.clone(),
        user: user["id"].as_str()?.to_owned(),
        place: Place::of(&user["address"]),
        datetime: user["datetime"].as_str()?.to_owned(),
    })
}

/// Enough of folding for the names that tests use.
fn fold(text: &str) -> String {
    text.nfd()
        .filter(|c| !is_combining_mark(*c))
        .collect::<String>()
        .to_lowercase()
}
