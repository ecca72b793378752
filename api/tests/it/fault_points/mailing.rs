//! Schedules and mails: what is left of them when the process dies on their way.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use shared::testing::mail_server::MailServer;

use super::kill_at;
use crate::census::{Census, data_folder};
use crate::mail::{embedded_flags, ids, mails, settings};

/// A process dies at the point, and the next one takes over.
pub(super) fn die_at(point: &str) {
    let data = data_folder();
    let server = MailServer::start();
    let flags = embedded_flags(data.path(), &settings(&server, "off"));
    let armed = Census::start_armed(flags.clone(), &kill_at(point, 1)).unwrap_or_else(|status| {
        panic!("nothing was asked for yet: {status}");
    });
    let (step, side) = point.split_once('/').expect("a point has two parts");
    match step {
        "add_schedule" => {
            add(&armed);
            armed.killed_itself();
            let kept = usize::from(side == "after-commit");
            assert_eq!(schedules(&Census::start(flags)).len(), kept);
        }
        "remove_schedule" => {
            let made = add(&armed).expect("it is made");
            armed.try_delete(&made);
            armed.killed_itself();
            let kept = usize::from(side == "before-commit");
            assert_eq!(schedules(&Census::start(flags)).len(), kept);
        }
        "fire" => {
            let made = add(&armed).expect("it is made");
            armed.killed_itself();
            let census = Census::start(flags);
            mails(&server, 2);
            assert_eq!(census.delete(&made).status, 204);
            assert_one_mail_for_each_slot(&census, &server);
        }
        "mail" | "note_mailed" => {
            let report = armed.post_json(
                "/report",
                &json!({"mail_to": ["ann@example.com", "bob@example.org"]}),
            );
            let id = report.accepted();
            armed.killed_itself();
            Census::start(flags).succeeded(&id);
            // Whoever got it before the note could be written gets it again, and can tell.
            let most = if side == "after-commit" { 2 } else { 3 };
            let mails = mails(&server, 2);
            assert!(mails.len() <= most, "{}", mails.len());
            assert_eq!(
                ids(&mails),
                BTreeSet::from([format!("<report.{id}@example.com>")])
            );
        }
        other => panic!("{other} is on no way of a schedule or a mail"),
    }
}

/// The first start over the data dies at the point.
pub(super) fn keep_configured(data: &Path) {
    let census = Census::embedded(data);
    assert_eq!(
        schedules(&census).len(),
        1,
        "the next one keeps the configured schedule"
    );
}

fn add(census: &Census) -> Option<String> {
    let body = json!({"every": "1s", "mail_to": "ann@example.com"}).to_string();
    let answer = census.try_post(
        "/schedules",
        &[("content-type", "application/json")],
        body.as_bytes(),
    )?;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.header("location").map(str::to_owned)
}

fn schedules(census: &Census) -> Vec<Value> {
    let list = census.get("/schedules").json();
    list["schedules"]
        .as_array()
        .expect("a list has schedules")
        .clone()
}

fn assert_one_mail_for_each_slot(census: &Census, server: &MailServer) {
    let list = census.get("/jobs?limit=1000").json();
    let jobs = list["jobs"].as_array().expect("a list has jobs");
    let slots: BTreeSet<_> = jobs
        .iter()
        .map(|job| job["schedule"]["slot"].to_string())
        .collect();
    assert_eq!(slots.len(), jobs.len());
    for job in jobs {
        census.succeeded(job["id"].as_str().expect("a job has an id"));
    }
    let mails = mails(server, jobs.len());
    assert_eq!((mails.len(), ids(&mails).len()), (jobs.len(), jobs.len()));
}
