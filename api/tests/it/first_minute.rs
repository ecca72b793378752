//! What a person does in the first minute, over the embedded profile.

use serde_json::json;

use crate::census::{Census, data_folder, event};

#[test]
fn sample_users_are_submitted_counted_and_reported() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let submit = census.post("/submit/10").accepted();
    let job = census.succeeded(&submit);
    assert_eq!(job["kind"], "submit");
    assert_eq!(
        job["progress"],
        json!({"received": 10, "rejected": 0, "published": 10})
    );
    let events: u64 = job["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["events"].as_u64().unwrap())
        .sum();
    assert_eq!(events, 10);

    let report = census.post("/report").accepted();
    let report = census.succeeded(&report)["report"].clone();
    assert_eq!(report["group_by"], "city");
    assert_eq!(report["users"], 10);
    assert_eq!(report["events"], 10);
    let in_log: i64 = report["as_of"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["next_offset"].as_i64().unwrap())
        .sum();
    assert_eq!(in_log, 10);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row["events"].as_u64().unwrap())
            .sum::<u64>(),
        10
    );
    assert!(
        rows.iter()
            .all(|row| row["country"] == "US" && row["state"].as_str().unwrap().len() == 2)
    );
}

#[test]
fn own_events_and_files_are_counted_by_place() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let submit = census.post_json(
        "/submit",
        &json!({"events": [event("ann"), event("bob"), event("ann")]}),
    );
    let ndjson = census.import(
        "ndjson",
        "{\"id\":\"cy\",\"address\":{\"city\":\" DETROIT \",\"state\":\"Mich.\",\"country\":\"USA\"},\"datetime\":\"2026-11-23 10:00:02\"}\n\n\
         {\"id\":\"bad\"}\n",
    );
    let csv = census.import(
        "csv",
        "id,city,state,country,postCode,datetime\r\n\"di\",\"San\nJosé\",CA,US,95110,2026-11-23T10:00:03Z\r\n",
    );
    let partly = census.ended(&ndjson.accepted());
    assert_eq!(partly["state"], "partially_succeeded", "{partly}");
    assert_eq!(
        partly["progress"],
        json!({"received": 2, "rejected": 1, "published": 1})
    );
    let rejects = census.get(&format!("/jobs/{}/rejects", partly["id"].as_str().unwrap()));
    let reject: serde_json::Value = serde_json::from_str(rejects.text.trim()).unwrap();
    assert_eq!(
        (&reject["line"], &reject["code"]),
        (&json!(3), &json!("required")),
        "{reject}"
    );
    census.succeeded(&submit.accepted());
    census.succeeded(&csv.accepted());

    let report = census.report(&json!({"group_by": "city"}));
    assert_eq!(
        report["rows"],
        json!([
            {"country": "US", "state": "MI", "city": "Detroit", "users": 3, "events": 4},
            {"country": "US", "state": "CA", "city": "San José", "users": 1, "events": 1},
        ])
    );
    let by_country = census.report(&json!({"group_by": "country"}));
    assert_eq!(
        by_country["rows"],
        json!([{"country": "US", "users": 4, "events": 5}])
    );
    let later = census.report(&json!({"from": "2026-11-23T10:00:02Z", "to": "2026-11-23T10:00:03Z"}));
    assert_eq!((&later["users"], &later["events"]), (&json!(1), &json!(1)));
}

#[test]
fn a_report_after_jobs_includes_them() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let submits: Vec<_> = (0..3).map(|_| census.post("/submit/2000").accepted()).collect();
    let report = census.report(&json!({"after": submits}));
    assert_eq!(report["events"], 6000);
}

#[test]
fn the_result_of_a_report_has_all_rows_as_json_and_csv() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let events: Vec<_> = (0..1200)
        .map(|n| json!({"id": format!("u{n}"), "address": {"city": format!("=City {n:04}"), "country": "DE"}, "datetime": "2026-11-23T10:00:00Z"}))
        .collect();
    census.succeeded(&census.post_json("/submit", &json!({"events": events})).accepted());
    let id = census.post("/report").accepted();
    let report = census.succeeded(&id)["report"].clone();
    assert_eq!(
        (report["rows"].as_array().unwrap().len(), &report["rows_total"]),
        (1000, &json!(1200))
    );
    let all = census
        .get_with(&format!("/jobs/{id}/result"), &[("accept", "application/json")])
        .json();
    assert_eq!(all["rows"].as_array().unwrap().len(), 1200);
    let csv = census.get_with(&format!("/jobs/{id}/result"), &[("accept", "text/csv")]);
    assert_eq!(
        csv.header("content-type").map(|t| t.starts_with("text/csv")),
        Some(true)
    );
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1201, "country,state,city,users,events"));
    assert_eq!(lines[1], "DE,,'=City 0000,1,1", "a formula is defused");
}

#[test]
fn the_page_and_the_specification_are_served_offline() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let page = census.get("/docs");
    assert_eq!(page.status, 200);
    for outside in ["src=\"http", "href=\"http", "//unpkg", "//cdn"] {
        assert!(!page.text.contains(outside), "the page loads {outside}");
    }
    let spec = census.get("/openapi.json").json();
    assert!(spec["paths"]["/submit/{count}"]["post"]["operationId"].is_string());
    assert_eq!(census.get("/healthz").json(), json!({"status": "ok"}));
    let ready = census.get("/readyz").json();
    assert_eq!(ready["status"], "ready", "{ready}");
    assert_eq!(census.get("/nowhere/1").status, 404);
    let metrics = census.get("/metrics").text;
    assert!(metrics.contains("census_store_commit_seconds"));
    for (route, status) in [("/readyz", 200), ("unknown", 404)] {
        let labels = format!(r#"{{method="GET",route="{route}",status="{status}"}} 1"#);
        let line = format!("census_http_requests_total{labels}");
        assert!(metrics.lines().any(|known| known == line), "{line}");
    }
}
