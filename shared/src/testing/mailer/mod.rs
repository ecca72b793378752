//! What every mailer that sends must do, as tests that [`crate::mailer_suite!`] runs on an adapter.
//!
//! Behind the fixture stands a server that treats a recipient as the address begins: `refuse` for good, `later`, `stall`
//! and `drop` the first time only, everybody else well.

mod recording;

pub use recording::RecordingMailer;

use std::sync::Arc;
use std::time::Duration;

use super::wait::wait_until;
use crate::mail::{Attachment, Letter, MailAddress};
use crate::ports::{Handover, MailError, Mailer};
use crate::time::Timestamp;

const BOUND: Duration = Duration::from_secs(30);

/// A mailer and what its server has taken.
pub trait Fixture: Send + Sync {
    /// The mailer under test, with a patience of at most a second.
    fn mailer(&self) -> Arc<dyn Mailer>;
    /// The recipients of each mail that was taken, in order.
    fn taken(&self) -> Vec<Vec<String>>;
}

/// Runs the whole suite; `$fixture` is an expression, evaluated for each test, that makes a [`Fixture`].
#[macro_export]
macro_rules! mailer_suite {
    ($fixture:expr) => {
        $crate::mailer_suite!(@tests $fixture;
            a_letter_goes_to_its_recipients_alone,
            a_recipient_that_is_refused_is_refused_for_good,
            a_server_that_asks_to_come_again_is_away,
            a_server_that_falls_silent_is_away,
            a_connection_that_breaks_in_the_middle_delivers_nothing,
        );
    };
    (@tests $fixture:expr; $($case:ident,)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::testing::mailer::$case($fixture).await;
            }
        )+
    };
}

/// `To` shows everybody, and the envelope decides.
pub async fn a_letter_goes_to_its_recipients_alone(fixture: impl Fixture) {
    send(&*fixture.mailer(), "ann@example.com")
        .await
        .expect("it is taken");
    send(&*fixture.mailer(), "bob@example.com")
        .await
        .expect("it is taken");
    assert_taken(&fixture, &["ann@example.com", "bob@example.com"]).await;
}

/// The status is the server's; the next recipient is none the worse.
pub async fn a_recipient_that_is_refused_is_refused_for_good(fixture: impl Fixture) {
    for _ in 0..2 {
        let refused = send(&*fixture.mailer(), "refuse@example.com").await;
        assert!(
            matches!(refused, Err(MailError::Refused { status: 550, .. })),
            "{refused:?}"
        );
    }
    send(&*fixture.mailer(), "ann@example.com")
        .await
        .expect("it is taken");
    assert_taken(&fixture, &["ann@example.com"]).await;
}

/// A 4yz may pass. What is logged of it names nobody.
pub async fn a_server_that_asks_to_come_again_is_away(fixture: impl Fixture) {
    let away = away_at_first(&fixture, "later@example.com").await;
    assert!(!away.to_string().contains("later@"), "{away}");
}

/// A silence ends after the patience.
pub async fn a_server_that_falls_silent_is_away(fixture: impl Fixture) {
    away_at_first(&fixture, "stall@example.com").await;
}

/// A mail that was cut off was not taken.
pub async fn a_connection_that_breaks_in_the_middle_delivers_nothing(fixture: impl Fixture) {
    away_at_first(&fixture, "drop@example.com").await;
}

async fn away_at_first(fixture: &impl Fixture, to: &str) -> MailError {
    let away = send(&*fixture.mailer(), to)
        .await
        .expect_err("not the first time");
    assert!(matches!(away, MailError::Away { .. }), "{away:?}");
    send(&*fixture.mailer(), to).await.expect("it is taken");
    assert_taken(fixture, &[to]).await;
    away
}

/// Hands a letter over for one recipient.
///
/// # Errors
/// What the mailer says.
///
/// # Panics
/// When the mailer does not send.
pub async fn send(mailer: &dyn Mailer, to: &str) -> Result<(), MailError> {
    assert!(!mailer.takes_many(), "a server takes or refuses each recipient");
    let sent = mailer.send(&letter(), &[address(to)]).await?;
    assert_eq!(sent, Handover::Accepted);
    Ok(())
}

/// What a server tells its test may come a little after its answer.
async fn assert_taken(fixture: &impl Fixture, expected: &[&str]) {
    let taken = wait_until("the server to tell of its mails", BOUND, async || {
        let taken = fixture.taken().concat();
        if taken.len() >= expected.len() {
            Ok(taken)
        } else {
            Err(format!("{taken:?}"))
        }
    })
    .await;
    assert_eq!(taken, expected);
}

fn letter() -> Letter {
    Letter {
        id: "report.1".to_owned(),
        to: ["ann@example.com", "bob@example.com"].map(address).to_vec(),
        date: Timestamp::from_millis(1_800_000_000_000),
        subject: "Köln".to_owned(),
        text: "Köln: 4\n.\nAustin: 2\n".to_owned(),
        html: "<p>Köln</p>".to_owned(),
        attachment: Attachment {
            name: "report.csv".to_owned(),
            body: b"DE,4\n".to_vec(),
        },
        counts: "Köln: 4".to_owned(),
    }
}

fn address(text: &str) -> MailAddress {
    text.parse().expect("tests know what an address is")
}
