//! What the intake makes of bodies: every fault at once, and the same for every cut of a stream.

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::job::{GroupBy, ReportRequest};
use shared::mail::AllowedRecipients;

use super::records::RecordReader;
use super::{BlockReader, Record, read_events, read_report};
use crate::refusal::{Refusal, RefusalCode};
use crate::submit::ImportFormat::{self, Csv, Ndjson};

const GOOD: &str = r#"{"id":"u1","address":{"city":"Holland","state":"Mi","country":"US"},"datetime":"2019-05-07 17:11:13.828"}"#;
const HEADER: &str = "id,city,state,country,postCode,datetime\n";

fn faults(refusal: &Refusal) -> Vec<String> {
    let fault = |fault: &shared::event::Fault| format!("{} {}", fault.pointer, fault.code.as_str());
    refusal.errors.iter().map(fault).collect()
}

fn refused(body: &str) -> (&'static str, Vec<String>) {
    let refusal = read_events(body.as_bytes(), 3, 200).unwrap_err();
    (refusal.code.as_str(), faults(&refusal))
}

#[test]
fn a_body_of_good_events_is_read_whatever_else_the_events_hold() {
    let more = GOOD.replacen('{', r#"{"x":[[1e999,{"y":"\ud800"}]],"event_id":null,"#, 1);
    let body = format!("\u{feff} {{\"events\":[{GOOD},{more}]}} ");
    let events = read_events(body.as_bytes(), 3, 200).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], events[1]);
    assert_eq!(events[0].user.address.state.as_deref(), Some("MI"));
}

#[test]
fn all_faults_of_a_body_are_said_at_once_with_pointers() {
    let bad = r#"{"id":7,"address":{"city":"","state":"Ontario","country":"US"},"datetime":"2019"}"#;
    let body = format!(r#"{{"events":[{GOOD},{bad},[]],"more":1,"a/b~ c":2}}"#);
    assert_eq!(
        refused(&body),
        (
            "invalid",
            [
                "#/more unknown_member",
                "#/a~1b~0%20c unknown_member",
                "#/events/1/id wrong_type",
                "#/events/1/address/city blank",
                "#/events/1/address/state unknown_state",
                "#/events/1/datetime bad_datetime",
                "#/events/2 wrong_type",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
}

#[test]
fn odd_bodies_are_refused_with_the_code_that_fits() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let surrogate = GOOD.replacen("u1", r"\ud800", 1);
    let nul = GOOD.replacen("u1", r"a\u0000b", 1);
    let twice = GOOD.replacen("{", r#"{"id":"u2","#, 1);
    let array = |event: &str| format!(r#"{{"events":[{event}]}}"#);
    for (body, code, first) in [
        ("", "bad_json", None),
        ("{", "bad_json", None),
        (r#"{"events":[]} x"#, "bad_json", None),
        (r#"{"events":[{"id":"\u00"}]}"#, "bad_json", None),
        ("null", "invalid", Some("# wrong_type")),
        (deep.as_str(), "invalid", Some("# wrong_type")),
        ("{}", "invalid", Some("#/events required")),
        (r#"{"events":null}"#, "invalid", Some("#/events required")),
        (r#"{"events":{}}"#, "invalid", Some("#/events wrong_type")),
        (r#"{"events":[]}"#, "invalid", Some("#/events bad_length")),
        (
            r#"{"events":[1],"events":[1]}"#,
            "invalid",
            Some("#/events bad_value"),
        ),
        ("{\"events\":[1,1,1,1]}", "too_large", None),
        (&array(&surrogate), "bad_json", None),
        (&array(&nul), "invalid", Some("#/events/0/id control_character")),
        (&array(&twice), "invalid", Some("#/events/0/id bad_value")),
    ] {
        let (got, errors) = refused(body);
        let shown = &body[..body.len().min(60)];
        assert_eq!(
            (got, errors.first().map(String::as_str)),
            (code, first),
            "{shown}"
        );
    }
    let not_utf8 = read_events(b"{\"events\":[\"\xff\"]}", 3, 200).unwrap_err();
    assert_eq!(not_utf8.code, RefusalCode::BadJson);
    let many = read_events(
        format!("{{\"events\":[{}1]}}", "1,".repeat(500)).as_bytes(),
        1_000,
        200,
    );
    assert_eq!(many.unwrap_err().errors.len(), 100);
}

#[test]
fn a_report_is_read_and_all_its_faults_are_said() {
    let nobody = AllowedRecipients::default();
    for empty in ["", " \n", "{}", r#"{"after":null,"fresh":null}"#] {
        assert_eq!(
            read_report(empty.as_bytes(), &nobody),
            Ok(ReportRequest::default()),
            "{empty}"
        );
    }
    let full = r#"{"group_by":"state","from":"2019-01-01 00:00:00","to":"2020-01-01T00:00:00Z",
        "after":["0199f0c2-0000-7000-8000-000000000000"],"fresh":false,"deadline_s":86400}"#;
    let full = read_report(full.as_bytes(), &nobody).unwrap();
    assert_eq!(
        (full.group_by, full.fresh, full.deadline_s),
        (GroupBy::State, false, 86_400)
    );
    assert_eq!(full.after.len(), 1);

    let bad = r#"{"group_by":"town","from":"2020-01-01 00:00:00","to":"2020-01-01T00:00:00Z",
        "after":["x",1],"fresh":"no","deadline_s":1e9,"deadline_s":1,"when":0}"#;
    assert_eq!(
        faults(&read_report(bad.as_bytes(), &nobody).unwrap_err()),
        [
            "#/group_by bad_value",
            "#/after/0 unknown_job",
            "#/after/1 wrong_type",
            "#/fresh wrong_type",
            "#/deadline_s bad_value",
            "#/deadline_s bad_value",
            "#/when unknown_member",
            "#/to bad_value",
        ]
    );
    let long = format!(
        r#"{{"after":[{}1]}}"#,
        "\"0199f0c2-0000-7000-8000-000000000000\",".repeat(100)
    );
    assert_eq!(
        faults(&read_report(long.as_bytes(), &nobody).unwrap_err()),
        ["#/after bad_length"]
    );
}

fn read(format: ImportFormat, pieces: &[&[u8]]) -> Result<Vec<Record>, Refusal> {
    let mut reader = RecordReader::new(format, 300, 200);
    let mut records = Vec::new();
    for piece in pieces {
        reader.feed(piece, &mut records)?;
    }
    reader.finish(&mut records)?;
    Ok(records)
}

fn shown(format: ImportFormat, body: &[u8]) -> Vec<String> {
    let show = |record: Record| match record {
        Ok(event) => format!("{} in {}", event.user.id, event.user.address.city),
        Err(rejected) => {
            let fault = rejected.fault;
            format!("{} {} {}", rejected.line, fault.pointer, fault.code.as_str())
        }
    };
    let records = read(format, &[body]).unwrap();
    records.into_iter().map(show).collect()
}

#[test]
fn bad_lines_of_ndjson_are_rejected_one_by_one_under_their_physical_line() {
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(300));
    let body = [
        b"\xef\xbb\xbf\n \t\r\n".as_slice(),
        GOOD.as_bytes(),
        b"\r\n{}\n\nnot json\n\"\xff\"\n",
        long.as_bytes(),
        b"\n[]\n",
        GOOD.as_bytes(),
        GOOD.as_bytes(),
        b"\n",
        GOOD.as_bytes(),
    ]
    .concat();
    assert_eq!(
        shown(Ndjson, &body),
        [
            "u1 in Holland",
            "4 #/id required",
            "6 # bad_json",
            "7 # bad_utf8",
            "8 # line_too_long",
            "9 # wrong_type",
            "10 # bad_json",
            "u1 in Holland",
        ]
    );
    let records = read(Ndjson, &[&body]).unwrap();
    let rejected = |place: usize| records[place].as_ref().unwrap_err();
    assert_eq!(rejected(3).raw, "\"\u{fffd}\"");
    assert!(rejected(4).raw.len() <= 1024);
    assert!(rejected(6).fault.detail.contains("--data-binary"));
}

#[test]
fn csv_is_read_after_rfc_4180() {
    let body = concat!(
        "\u{feff}datetime,extra,id,\"city\",state,country,postCode,event_id\r\n",
        "2019-05-07 17:11:13,x,u1,Holland,Mi,US,49424,e1\r\n",
        "\r\n",
        "2019-05-07 17:11:13,\"x,\n\"\"y\"\"\r\n\",u2,\"New\nYork\",,US,,\n",
        "2019-05-07 17:11:13,x,,Holland,Mi,US,49424,\n",
        "too,few\n",
        "2019-05-07 17:11:13,x,u\"3,Holland,Mi,US,49424,\n",
        "2019-05-07 17:11:13,\"x\"y,u3,Holland,Mi,US,49424,\n",
        "2019-05-07 17:11:13,x,u4,Holland,,Germany,,\n",
        "2019-05-07 17:11:13,x,u5,\"Holland,Mi,US,,\nnever closed",
    );
    assert_eq!(
        shown(Csv, body.as_bytes()),
        [
            "u1 in Holland",
            "u2 in New York",
            "8 #/id required",
            "9 # bad_columns",
            "10 # bad_csv",
            "11 # bad_csv",
            "u4 in Holland",
            "13 # bad_csv",
        ]
    );
}

#[test]
fn a_csv_header_that_misses_a_column_or_has_one_twice_is_refused() {
    for header in [
        "id,city,state,country,datetime\n",
        "id,id,city,state,country,postCode,datetime\n",
        "id,city,state,country,postCode,datetime,event_id,event_id\n",
        "ID,city,state,country,postCode,datetime\n",
        "\"id,city\n",
        "\u{fffd}\n",
    ] {
        let refusal = read(Csv, &[header.as_bytes()]).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::BadCsvHeader, "{header}");
    }
    let lost = read(Csv, &[b"id,city,state,country,postCode,datetimeu1,x,,US,,2019"]).unwrap_err();
    assert!(lost.detail.contains("--data-binary"), "{}", lost.detail);
    assert_eq!(read(Csv, &[HEADER.as_bytes()]), Ok(Vec::new()));
    assert_eq!(read(Csv, &[]), Ok(Vec::new()));
}

#[test]
fn a_line_of_just_the_limit_is_taken_with_either_line_break() {
    let line = |length: usize, end: &str| {
        let padding = " ".repeat(length - GOOD.len());
        format!("{GOOD}{padding}{end}")
    };
    for end in ["", "\n", "\r\n"] {
        assert_eq!(
            shown(Ndjson, line(300, end).as_bytes()),
            ["u1 in Holland"],
            "{end:?}"
        );
        assert_eq!(
            shown(Ndjson, line(301, end).as_bytes()),
            ["1 # line_too_long"],
            "{end:?}"
        );
    }
}

/// Seeded, so that a failure repeats: the bytes of good bodies, mutated, and cut anywhere.
#[test]
fn nothing_panics_and_the_cuts_of_a_body_do_not_matter() {
    let ndjson = format!(
        "\u{feff}{GOOD}\r\n\n{{}}\n{GOOD}{GOOD}\n{}\n{GOOD}",
        "é".repeat(400)
    );
    let csv = format!(
        "\u{feff}{HEADER}u1,Holland,Mi,US,,2019-05-07 17:11:13\r\n\"u\n2\",\"a\"\"b\",,DE,,x\n\n\"{}\"\n,,",
        "ü\n".repeat(200)
    );
    let mut rng = ChaCha8Rng::seed_from_u64(20_191_107);
    for round in 0..600 {
        let (format, good) = if round % 2 == 0 {
            (Ndjson, &ndjson)
        } else {
            (Csv, &csv)
        };
        let mut body = good.clone().into_bytes();
        for _ in 0..rng.random_range(0..4) {
            let place = rng.random_range(0..body.len());
            let byte = b"\"\n\r,{}[]\\\x00\xff\xc3:u"[rng.random_range(0..14)];
            match rng.random_range(0..3) {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => drop(body.remove(place)),
            }
        }
        let whole = read(format, &[&body]);
        let mut pieces = Vec::new();
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rng.random_range(1..=rest.len().min(40)));
            pieces.push(piece);
            rest = behind;
        }
        assert_eq!(read(format, &pieces), whole, "round {round}");
        let json = [b"{\"events\":[", body.as_slice(), b"]}"].concat();
        drop(read_events(&json, 10, 200));
        drop(read_report(&body, &AllowedRecipients::default()));
    }
}

/// Feeds the pieces and takes what is to be taken, as a request does.
async fn read_in_blocks(format: ImportFormat, body: &Bytes, ends: &[usize]) -> Result<Vec<Record>, Refusal> {
    let mut reader = BlockReader::new(format, 300, 200);
    let mut records = Vec::new();
    let mut from = 0;
    for to in ends {
        reader.feed(&body.slice(from..*to))?;
        while let Some(more) = reader.relieve().await {
            records.extend(more);
        }
        from = *to;
    }
    reader.finish()?;
    while let Some(more) = reader.next().await {
        records.extend(more);
    }
    Ok(records)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_stream_is_read_in_blocks_as_it_is_read_in_turn() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for round in 0..40 {
        let format = if round % 4 == 3 { Csv } else { Ndjson };
        let mut body = if format == Csv {
            HEADER.as_bytes().to_vec()
        } else {
            Vec::new()
        };
        while body.len() < 300_000 {
            let line = match rng.random_range(0..20) {
                0 => "x".repeat(rng.random_range(0..20_000)),
                1 => "\u{feff}".to_owned(),
                2 => "\r".to_owned(),
                3 => "{}".to_owned(),
                _ if format == Csv => "u1,\"Hol\nland\",Mi,US,,2019-05-07 17:11:13".to_owned(),
                _ => GOOD.to_owned(),
            };
            body.extend_from_slice(line.as_bytes());
            body.push(b'\n');
        }
        let expected = read(format, &[&body]);
        let mut ends = Vec::new();
        while ends.last().is_none_or(|end| *end < body.len()) {
            let piece = rng.random_range(1..=64 * 1024);
            ends.push((ends.last().unwrap_or(&0) + piece).min(body.len()));
        }
        let read = read_in_blocks(format, &Bytes::from(body), &ends).await;
        assert!(read == expected, "round {round}");
    }
}
