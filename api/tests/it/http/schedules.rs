//! Schedules are made with all their faults told at once, listed, read and deleted.

use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::job::{GroupBy, JobId};
use shared::ports::SCHEDULES_MAX;
use shared::schedule::{Cadence, Missed, Schedule, ScheduleId, ScheduleRule};
use shared::time::Timestamp;

use super::service::{Answer, Service};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn create(service: &Service, body: &Value) -> Answer {
    let body = Body::from_string(body.to_string());
    service.send(Method::POST, "/schedules", &[JSON], body).await
}

async fn delete(service: &Service, path: &str) -> Answer {
    service.send(Method::DELETE, path, &[], Body::empty()).await
}

fn configured() -> Schedule {
    Schedule {
        id: ScheduleId::CONFIGURED,
        rule: ScheduleRule {
            cadence: Cadence::Every("1h".parse().expect("an interval")),
            missed: Missed::CatchUpOnce,
            group_by: GroupBy::City,
            mail_to: Vec::new(),
        },
        created_at: Timestamp::from_millis(0),
        next_slot: Timestamp::from_millis(7_200_000),
        last: Some((
            Timestamp::from_millis(3_600_000),
            ScheduleId::CONFIGURED.job_of(Timestamp::from_millis(3_600_000)),
        )),
    }
}

#[tokio::test]
async fn a_schedule_is_made_listed_read_and_deleted() {
    let service = Service::start();
    let body = json!({"cron": "0 8 * * mon-fri", "time_zone": "Europe/Berlin", "missed": "skip",
        "group_by": "state", "mail_to": ["Ann@example.com", "ann@example.com"]});
    let made = create(&service, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let schedule = made.json();
    let path = format!("/schedules/{}", schedule["id"].as_str().expect("an id"));
    assert_eq!(made.header("location"), path);
    assert_eq!(schedule["links"], json!({"self": path}));
    assert_eq!(schedule["configured"], false);
    assert_eq!(schedule["cron"], "0 8 * * mon-fri");
    assert_eq!(schedule["time_zone"], "Europe/Berlin");
    assert_eq!(
        (&schedule["missed"], &schedule["group_by"]),
        (&json!("skip"), &json!("state"))
    );
    assert_eq!(schedule["mail_to"], json!(["ann@example.com"]));
    let next = schedule["next_slot"].as_str().expect("it has a slot");
    assert!(next.ends_with(":00:00.000Z"), "{next}");
    assert!(schedule.get("every").is_none() && schedule.get("last_slot").is_none());
    let read = service.get(&path).await;
    assert_eq!(read.header("cache-control"), "private, no-cache");
    assert_eq!(read.json(), schedule);
    assert_eq!(
        service.get("/schedules").await.json(),
        json!({"schedules": [schedule]})
    );
    assert_eq!(delete(&service, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&service, &path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(service.get(&path).await.json()["code"], "not_found");
}

#[tokio::test]
async fn the_least_schedule_is_an_interval_and_a_recipient() {
    let service = Service::start();
    let made = create(
        &service,
        &json!({"every": "90s", "mail_to": "ann@example.com", "cron": null}),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let schedule = made.json();
    assert_eq!(
        (&schedule["every"], &schedule["missed"]),
        (&json!("1m 30s"), &json!("catch_up_once"))
    );
    assert_eq!(schedule["group_by"], "city");
}

#[tokio::test]
async fn all_faults_of_a_schedule_are_told_at_once() {
    let service = Service::start();
    let cases = [
        (json!({}), vec!["#/every required", "#/mail_to required"]),
        (
            json!({"every": "0s", "cron": "* *", "time_zone": "Berlin", "missed": "never", "group_by": "town",
                "mail_to": ["ann", "eve@elsewhere.org", 1], "at": 1}),
            vec![
                "#/every bad_value",
                "#/cron bad_value",
                "#/time_zone bad_value",
                "#/missed bad_value",
                "#/group_by bad_value",
                "#/mail_to/0 bad_value",
                "#/mail_to/1 recipient_not_allowed",
                "#/mail_to/2 wrong_type",
                "#/at unknown_member",
                "#/cron bad_value",
            ],
        ),
        (
            json!({"every": "1h", "time_zone": "UTC", "mail_to": []}),
            vec!["#/time_zone bad_value", "#/mail_to bad_length"],
        ),
        (
            json!({"cron": "0 0 30 2 *", "mail_to": "ann@example.com"}),
            vec!["#/cron bad_value"],
        ),
        (
            json!({"every": 5, "mail_to": {}}),
            vec!["#/every wrong_type", "#/mail_to wrong_type"],
        ),
    ];
    for (body, expected) in cases {
        let refused = create(&service, &body).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            refused.body
        );
        let problem = refused.json();
        let found: Vec<_> = problem["errors"]
            .as_array()
            .expect("it has faults")
            .iter()
            .map(shown)
            .collect();
        assert_eq!(found, expected, "{body}");
    }
    assert_eq!(service.get("/schedules").await.json(), json!({"schedules": []}));
}

#[tokio::test]
async fn the_configured_schedule_is_shown_and_stays() {
    let service = Service::start();
    service
        .schedules
        .0
        .lock()
        .expect("no test panicked with it")
        .push(configured());
    let path = format!("/schedules/{}", ScheduleId::CONFIGURED);
    let shown = service.get(&path).await.json();
    assert_eq!(shown["configured"], true);
    assert_eq!((&shown["every"], &shown["mail_to"]), (&json!("1h"), &json!([])));
    assert_eq!(shown["last_slot"], "1970-01-01T01:00:00.000Z");
    let job = shown["last_job"].as_str().expect("its slot had a job");
    assert!(job.parse::<JobId>().is_ok());
    assert_eq!(shown["links"]["last_job"], format!("/jobs/{job}"));
    let refused = delete(&service, &path).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "schedule_configured");
    assert!(refused.body.contains("CENSUS_REPORT_EVERY=off"));
}

#[tokio::test]
async fn an_id_that_is_none_is_not_found_and_a_full_list_takes_no_more() {
    let service = Service::start();
    for path in [
        "/schedules/x",
        "/schedules/%ff",
        "/schedules/0199f0c2-0000-7000-8000-000000000000",
    ] {
        assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            delete(&service, path).await.json()["detail"],
            "No schedule has this id."
        );
    }
    *service.schedules.0.lock().expect("no test panicked with it") = vec![configured(); SCHEDULES_MAX];
    let refused = create(&service, &json!({"every": "1h", "mail_to": "ann@example.com"})).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::CONFLICT, &json!("too_many_schedules"))
    );
}

#[tokio::test]
async fn a_report_names_its_recipients_and_only_allowed_ones_are_taken() {
    let service = Service::start();
    let ask = async |body: Value| {
        let body = Body::from_string(body.to_string());
        service.send(Method::POST, "/report", &[JSON], body).await
    };
    for to in [
        json!("ann@example.com"),
        json!(["ann@example.com", "ANN@example.com"]),
    ] {
        let accepted = ask(json!({"mail_to": to})).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.body);
        assert_eq!(accepted.json()["mail_to"], json!(["ann@example.com"]));
    }
    let refused = ask(json!({"mail_to": ["eve@elsewhere.org"], "group_by": "town"})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults: Vec<_> = refused.json()["errors"]
        .as_array()
        .expect("it has faults")
        .iter()
        .map(shown)
        .collect();
    assert_eq!(
        faults,
        ["#/mail_to/0 recipient_not_allowed", "#/group_by bad_value"]
    );
    let many = vec!["ann@example.com"; 51];
    assert_eq!(
        ask(json!({"mail_to": many})).await.json()["errors"][0]["code"],
        "bad_length"
    );
}

fn shown(fault: &Value) -> String {
    let text = |name: &str| fault[name].as_str().unwrap_or_default();
    format!("{} {}", text("pointer"), text("code"))
}
