//! Results and rejects are whole, however many pages they take.

use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::Value;
use shared::job::{JobState, ReportRow};
use shared::ports::StoredReject;

use super::service::Service;

fn places(count: u64) -> Vec<ReportRow> {
    let row = |users| ReportRow {
        country: "US".to_owned(),
        state: None,
        city: Some(format!("=City {users}")),
        users,
        events: 2 * users,
    };
    (0..count).map(row).collect()
}

#[tokio::test]
async fn a_result_has_all_rows_and_the_job_a_thousand() {
    let service = Service::start();
    for count in [0, 1, 1_000, 2_500] {
        let id = service.store.report(places(count));
        let result = service.get(&format!("/jobs/{id}/result")).await;
        assert_eq!(result.header("vary"), "Accept");
        assert_eq!(result.header("content-type"), "application/json");
        let result = result.json();
        let rows = result["rows"].as_array().unwrap();
        assert_eq!(rows.len() as u64, count);
        assert!(rows.iter().enumerate().all(|(place, row)| row["users"] == place));
        let job = service.get(&format!("/jobs/{id}")).await.json();
        assert_eq!(
            job["report"]["rows"].as_array().unwrap().len() as u64,
            count.min(1_000)
        );
        let list = service.get("/jobs?limit=1").await.json();
        assert!(list["jobs"][0]["report"].get("rows").is_none());
    }
}

#[tokio::test]
async fn a_cell_of_a_user_is_no_formula() {
    let service = Service::start();
    let id = service.store.report(places(2));
    let headers = [("accept", "text/csv")];
    let answer = service
        .send(
            Method::GET,
            &format!("/jobs/{id}/result"),
            &headers,
            Body::empty(),
        )
        .await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        answer.body,
        "country,state,city,users,events\nUS,,'=City 0,0,0\nUS,,'=City 1,1,2\n"
    );
}

#[tokio::test]
async fn there_is_no_result_before_the_end_or_after_a_failure() {
    let service = Service::start();
    for (state, code, retry_after) in [
        (JobState::Running, "not_ended", "1"),
        (JobState::Failed, "no_result", ""),
        (JobState::Cancelled, "no_result", ""),
    ] {
        let id = service.store.submit(state);
        let answer = service.get(&format!("/jobs/{id}/result")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.json()["code"], code);
        assert_eq!(answer.header("retry-after"), retry_after);
    }
}

#[tokio::test]
async fn rejects_are_lines_or_csv_or_nothing() {
    let service = Service::start();
    let id = service.store.submit(JobState::Running);
    let uri = format!("/jobs/{id}/rejects");
    let csv = [("accept", "text/csv")];
    assert_eq!(service.get(&uri).await.body, "");
    assert_eq!(
        service.send(Method::GET, &uri, &csv, Body::empty()).await.body,
        ""
    );

    let reject = |line| StoredReject {
        line,
        pointer: "#/address/city".to_owned(),
        code: "blank".to_owned(),
        reason: "A city is required.".to_owned(),
        raw: "@a,b".to_owned(),
    };
    *service.store.rejects.lock().unwrap() = (1..=1_001).map(reject).collect();
    let lines = service.get(&uri).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = lines
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1_001);
    assert_eq!(lines[1_000]["line"], 1_001);
    let table = service.send(Method::GET, &uri, &csv, Body::empty()).await.body;
    assert!(
        table.starts_with(
            "line,pointer,code,reason,raw\n1,#/address/city,blank,A city is required.,\"'@a,b\"\n"
        )
    );
    assert_eq!(table.lines().count(), 1_002);
}
