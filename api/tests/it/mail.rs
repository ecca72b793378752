//! Reports by mail, over real processes and a real mail server.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::testing::mail_server::{MailServer, TakenMail};

use crate::brokers;
use crate::census::{BOUND, Census, Workers, data_folder, event};

/// Settings for `census.toml`, beside those of the profile.
pub(crate) fn settings(server: &MailServer, every: &str) -> String {
    format!(
        "mail_url = \"{}\"\nmail_from = \"Census <census@example.com>\"\nmail_to = \"ann@example.com\"\n\
         mail_allow = \"@example.org\"\nreport_every = \"{every}\"\n",
        server.url()
    )
}

fn embedded(data: &Path, settings: &str) -> Census {
    Census::start(embedded_flags(data, settings))
}

/// Flags of the profile `embedded` with these settings.
pub(crate) fn embedded_flags(data: &Path, settings: &str) -> Vec<String> {
    let file = data.join("census.toml");
    std::fs::write(&file, settings).expect("the folder takes a file");
    let paths = [("--data-dir", data.to_owned()), ("--config", file)];
    let flags = paths.map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
    flags.into_iter().flatten().collect()
}

/// The mails once there are so many.
pub(crate) fn mails(server: &MailServer, n: usize) -> Vec<TakenMail> {
    let started = Instant::now();
    loop {
        let mails = server.taken();
        if mails.len() >= n {
            return mails;
        }
        assert!(started.elapsed() < BOUND, "{} mails came", mails.len());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn ids(mails: &[TakenMail]) -> BTreeSet<String> {
    let id = |mail: &TakenMail| mail.header("Message-ID").expect("every mail has an id");
    mails.iter().map(id).collect()
}

#[test]
fn the_configured_schedule_mails_its_reports() {
    let data = data_folder();
    let server = MailServer::start();
    let census = embedded(data.path(), &settings(&server, "1s"));
    let mut tidy = event("ann");
    tidy["address"] = json!({"city": "Köln", "country": "Germany"});
    let submit = census
        .post_json("/submit", &json!({"events": [tidy, event("bob")]}))
        .accepted();
    census.succeeded(&submit);
    let before = server.taken().len();
    let mails = mails(&server, before + 3);
    let mail = &mails[before + 2];
    assert_eq!(
        (mail.from.as_str(), &mail.to[..]),
        ("census@example.com", &["ann@example.com".to_owned()][..])
    );
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(
        mail.header("Subject").as_deref(),
        Some("Census report: 2 users in 2 cities")
    );
    for part in [
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "Content-Type: text/csv; charset=utf-8",
        "K=C3=B6ln, DE",
    ] {
        assert!(mail.data.contains(part), "{part} in {}", mail.data);
    }
    assert_eq!(ids(&mails).len(), mails.len(), "one mail for each slot");

    let list = census.get("/schedules").json();
    let schedule = &list["schedules"][0];
    assert_eq!(
        (&schedule["configured"], &schedule["every"]),
        (&json!(true), &json!("1s"))
    );
    let job = census
        .get(schedule["links"]["last_job"].as_str().expect("a slot was fired"))
        .json();
    assert_eq!(job["schedule"]["id"], schedule["id"]);
    assert_eq!(job["mail_to"], json!(["ann@example.com"]));
    let deleted = census.delete(schedule["links"]["self"].as_str().expect("it has a link"));
    deleted.problem(409, "schedule_configured");
}

#[test]
fn one_report_is_mailed_now_to_those_who_are_allowed() {
    let data = data_folder();
    let server = MailServer::start();
    let census = embedded(data.path(), &settings(&server, "off"));
    assert_eq!(census.get("/schedules").json(), json!({"schedules": []}));
    let refused = census.post_json(
        "/report",
        &json!({"mail_to": ["ann@example.com", "eve@example.com"]}),
    );
    let problem = refused.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "#/mail_to/1");
    assert_eq!(problem["errors"][0]["code"], "recipient_not_allowed");

    let to = [
        "ann@example.com",
        "later@example.org",
        "drop@example.org",
        "bob@example.org",
    ];
    let id = census.post_json("/report", &json!({"mail_to": to})).accepted();
    let job = census.succeeded(&id);
    assert_eq!(job["mail_to"], json!(to));
    let mails = mails(&server, 4);
    let mut got = mails.iter().flat_map(|mail| mail.to.clone()).collect::<Vec<_>>();
    got.sort();
    assert_eq!(
        got,
        [
            "ann@example.com",
            "bob@example.org",
            "drop@example.org",
            "later@example.org"
        ]
    );
    assert_eq!(
        ids(&mails),
        BTreeSet::from([format!("<report.{id}@example.com>")])
    );

    let to = ["refuse@example.org", "bob@example.org"];
    let id = census.post_json("/report", &json!({"mail_to": to})).accepted();
    let job = census.ended(&id);
    assert_eq!(job["state"], "partially_succeeded", "{job}");
    assert_eq!(job["error"]["code"], "mail_refused");
    assert!(text(&job["error"]["detail"]).contains("refuse@example.org was refused by the mail server: 550"));
    assert_eq!(census.get(&format!("/jobs/{id}/result")).status, 200);
}

#[test]
fn mail_goes_over_tls_with_a_login_to_a_server_that_is_trusted() {
    let data = data_folder();
    let server = MailServer::start_with_tls(data.path());
    let (password, authority) = (data.path().join("password"), data.path().join("ca.pem"));
    std::fs::write(&password, "p@ss word\n").expect("the folder takes a file");
    let [started, wrapped] = server.tls_hosts();
    let ways = [
        format!(
            "mail_url = \"smtp://census@{started}?tls=required\"\nmail_password_file = \"{}\"\n",
            password.display()
        ),
        format!("mail_url = \"smtps://census:p%40ss%20word@{wrapped}\"\n"),
    ];
    let rest = "mail_from = \"census@example.com\"\nmail_to = \"ann@example.com\"\nreport_every = \"off\"\n";
    let trusting = |settings: &str, authority: &str| {
        let flags = embedded_flags(data.path(), &format!("{settings}{rest}"));
        Census::start_with(flags, &[("SSL_CERT_FILE", authority)]).expect("it starts")
    };
    let body = json!({"mail_to": "ann@example.com", "deadline_s": 1});
    for (n, way) in ways.iter().enumerate() {
        let census = trusting(way, &authority.display().to_string());
        census.succeeded(
            &census
                .post_json("/report", &json!({"mail_to": "ann@example.com"}))
                .accepted(),
        );
        assert!(mails(&server, n + 1)[n].tls);
    }
    // Anybody's certificate is nobody's.
    let census = trusting(&ways[1], "/dev/null");
    let job = census.ended(&census.post_json("/report", &body).accepted());
    assert_eq!(job["error"]["code"], "mail_undelivered", "{job}");
    let tried = job["attempts"].to_string();
    assert!(tried.contains("certificate"), "{tried}");
    drop(census);
    let census = trusting(
        &ways[1].replace("word", "sword"),
        &authority.display().to_string(),
    );
    // A login may be mended while the mail waits.
    let job = census.ended(&census.post_json("/report", &body).accepted());
    assert_eq!(job["error"]["code"], "mail_undelivered", "{job}");
    let tried = job["attempts"].to_string();
    assert!(tried.contains("535") && !tried.contains("sword"), "{tried}");
    assert_eq!(server.taken().len(), 2);
}

#[test]
fn while_mail_is_off_the_report_is_logged_and_the_job_succeeds() {
    let data = data_folder();
    let census = embedded(data.path(), "mail_to = \"ann@example.com\"\n");
    let id = census
        .post_json("/report", &json!({"mail_to": "ann@example.com"}))
        .accepted();
    census.succeeded(&id);
}

#[test]
fn two_workers_make_one_mail_of_each_slot() {
    let data = data_folder();
    let server = MailServer::start();
    let flags = brokers::flags(data.path());
    let file = data.path().join("census.toml");
    let profile = std::fs::read_to_string(&file).expect("the flags have made it");
    std::fs::write(&file, profile + &settings(&server, "off")).expect("the folder takes a file");
    let census = Census::start(flags.clone());
    let workers = [(); 2].map(|()| Workers::start("userstats", &flags));
    let body = json!({"every": "1s", "mail_to": ["bob@example.org"]});
    let made = census.post_json("/schedules", &body);
    assert_eq!(made.status, 201, "{}", made.text);
    mails(&server, 5);
    assert_eq!(
        census
            .delete(made.header("location").expect("it has a place"))
            .status,
        204
    );
    let jobs = census.get("/jobs?kind=report&limit=1000").json();
    let jobs = jobs["jobs"].as_array().expect("a list has jobs");
    let slots: BTreeSet<_> = jobs.iter().map(|job| text(&job["schedule"]["slot"])).collect();
    assert_eq!(slots.len(), jobs.len(), "one job for each slot");
    for job in jobs {
        census.succeeded(text(&job["id"]));
    }
    let mails = mails(&server, jobs.len());
    assert_eq!(
        (mails.len(), ids(&mails).len()),
        (jobs.len(), jobs.len()),
        "one mail for each slot"
    );
    for worker in workers {
        assert_eq!(worker.terminate(), Some(0));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
