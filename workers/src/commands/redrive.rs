//! `quarantine redrive`: a corrected event is appended to the log, and the counts follow the log (P19).

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::config::Config;
use shared::event::{CleanEvent, EventId, RawAddress, RawEvent, RawText, clean};
use shared::ports::{Quarantine as _, QuarantineRecord, RecordPlace};
use shared::wire::{TraceContext, UserEventRecord};

use super::{CommandFault, print};
use crate::app::Host;
use crate::log_gate::LogGate;

/// Bytes of an event that are read.
const EVENT_BYTES_MAX: u64 = 1024 * 1024;

/// Appends the event in the file, or on standard input, in the place of the record at `place`.
pub(super) async fn redrive(
    config: &Config,
    place: RecordPlace,
    file: Option<&Path>,
) -> Result<(), CommandFault> {
    let text = read(file).map_err(CommandFault::Input)?;
    let event = parse(&text, config.intake.max_text)?;
    let host = Host::open(config)?;
    let kept = host.projection.quarantined_at(place).await?;
    let kept = kept.ok_or(CommandFault::NotInQuarantine(place))?;
    if kept.corrected {
        return Err(CommandFault::Corrected(place));
    }
    let id = identity(&kept.record, &event, host.log.topic());
    // P17: what is appended to another log corrects nothing.
    LogGate::new(&host.ports()).pass().await?;
    let record = UserEventRecord::correction(&event.user, &id, place, TraceContext::generate());
    for delivery in host.log.publish(vec![record]).await {
        let delivery = delivery?;
        print(&Appended {
            event_id: id.to_string(),
            partition: delivery.partition,
            offset: delivery.offset,
        })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Appended {
    event_id: String,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
}

fn read(file: Option<&Path>) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match file {
        Some(path) => std::fs::File::open(path)?
            .take(EVENT_BYTES_MAX)
            .read_to_end(&mut text)?,
        None => std::io::stdin().take(EVENT_BYTES_MAX).read_to_end(&mut text)?,
    };
    Ok(text)
}

/// P11: the id never changes where the record has one of ours; else the client's own counts, else the record's place.
fn identity(record: &QuarantineRecord, event: &CleanEvent, topic: &str) -> EventId {
    match (record.event_id.parse(), &event.event_id) {
        (Ok(id), _) => id,
        (Err(_), Some(own)) => EventId::Client {
            user: event.user.id.clone(),
            event: own.clone(),
        },
        (Err(_), None) => EventId::of_correction(topic, record.partition, record.offset),
    }
}

/// An event as a submit holds it; further members are ignored there too.
#[derive(Deserialize)]
struct Event {
    id: Option<String>,
    address: Option<Address>,
    datetime: Option<String>,
    event_id: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    city: Option<String>,
    state: Option<String>,
    country: Option<String>,
    #[serde(rename = "postCode")]
    post_code: Option<String>,
}

fn parse(text: &[u8], max_text: usize) -> Result<CleanEvent, CommandFault> {
    let event: Event = serde_json::from_slice(text).map_err(CommandFault::NotAnEvent)?;
    let raw = RawEvent {
        id: RawText::of(event.id.as_deref()),
        address: event
            .address
            .as_ref()
            .map_or(RawAddress::Absent, |address| RawAddress::Members {
                city: RawText::of(address.city.as_deref()),
                state: RawText::of(address.state.as_deref()),
                country: RawText::of(address.country.as_deref()),
                post_code: RawText::of(address.post_code.as_deref()),
            }),
        datetime: RawText::of(event.datetime.as_deref()),
        event_id: RawText::of(event.event_id.as_deref()),
    };
    clean(&raw, max_text, "#").map_err(|faults| {
        let faults: Vec<_> = faults
            .iter()
            .map(|fault| format!("{} {}", fault.pointer, fault.detail))
            .collect();
        CommandFault::Unclean(faults.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":" u ","address":{"city":"Köln","country":"Germany","zone":1},"datetime":"2020-01-01 00:00:00","event_id":"e"}"#;

    fn record(event_id: &str) -> QuarantineRecord {
        QuarantineRecord {
            partition: 3,
            offset: 17,
            reason: String::new(),
            event_id: event_id.to_owned(),
            size_bytes: 0,
            bytes: Vec::new(),
        }
    }

    #[test]
    fn an_event_is_cleaned_as_in_a_submit() {
        let event = parse(GOOD.as_bytes(), 200).unwrap();
        assert_eq!(
            (event.user.id.as_str(), event.user.address.country.as_str()),
            ("u", "DE")
        );
        let fault = |text: &str| parse(text.as_bytes(), 200).unwrap_err().to_string();
        let faults = fault(&GOOD.replace("Germany", "Atlantis").replace("\"Köln\"", "\" \""));
        assert!(
            faults.contains("#/address/city") && faults.contains("#/address/country"),
            "{faults}"
        );
        assert!(fault(r#"{"id":7}"#).contains("not the JSON of an event"));
    }

    #[test]
    fn p11_the_identity_is_the_same_at_every_try() {
        let mut event = parse(GOOD.as_bytes(), 200).unwrap();
        let id = |record: &QuarantineRecord, event: &CleanEvent| identity(record, event, "topic").to_string();
        let ours = "j:00000000-0000-0000-0000-000000000009/4";
        assert_eq!(id(&record(ours), &event), ours);
        assert_eq!(id(&record("order-7"), &event), "c:u/e");
        event.event_id = None;
        let by_place = id(&record(""), &event);
        assert!(by_place.ends_with("/17"), "{by_place}");
        event.user.id = "another".to_owned();
        assert_eq!(id(&record(""), &event), by_place);
    }
}
