//! Every mailer that sends runs the suite: over SMTP to a real server, and the double that other tests use.

use std::sync::Arc;
use std::time::Duration;

use shared::adapters::smtp::SmtpMailer;
use shared::ports::{MailError, Mailer};
use shared::testing::mail_server::MailServer;
use shared::testing::mailer::{Fixture, RecordingMailer, send};
use shared::testing::wait::within;

struct Smtp {
    server: MailServer,
    mailer: Arc<SmtpMailer>,
}

impl Smtp {
    fn new() -> Self {
        let server = MailServer::start();
        let from = "Census <census@example.com>".parse().expect("a mailbox");
        let way = server.url().parse().expect("a URL");
        let mailer = SmtpMailer::new(&way, from, Duration::from_secs(1)).expect("no TLS is needed");
        Self {
            server,
            mailer: Arc::new(mailer),
        }
    }
}

impl Fixture for Smtp {
    fn mailer(&self) -> Arc<dyn Mailer> {
        Arc::clone(&self.mailer) as _
    }

    fn taken(&self) -> Vec<Vec<String>> {
        self.server.taken().into_iter().map(|mail| mail.to).collect()
    }
}

mod smtp {
    use super::*;

    shared::mailer_suite!(Smtp::new());

    #[tokio::test]
    async fn a_mail_whose_answer_was_lost_comes_again_under_the_same_name() {
        let fixture = Smtp::new();
        let sent = send(&*fixture.mailer(), "lost@example.com").await;
        assert!(matches!(sent, Err(MailError::Away { .. })), "{sent:?}");
        send(&*fixture.mailer(), "lost@example.com")
            .await
            .expect("it is taken");
        let taken = within("both to be told of", Duration::from_secs(30), async {
            while fixture.server.taken().len() < 2 {
                tokio::task::yield_now().await;
            }
            fixture.server.taken()
        })
        .await;
        let names: Vec<_> = taken.iter().map(|mail| mail.header("Message-ID")).collect();
        assert_eq!(names, vec![Some("<report.1@example.com>".to_owned()); 2]);
    }

    #[tokio::test]
    async fn a_mail_that_was_taken_is_taken_though_the_server_is_silent_then() {
        let fixture = Smtp::new();
        let sent = send(&*fixture.mailer(), "mute@example.com").await;
        assert_eq!(sent, Ok(()));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_away() {
        let gone = Smtp::new();
        let mailer = gone.mailer();
        drop(gone);
        let sent = send(&*mailer, "ann@example.com").await;
        assert!(matches!(sent, Err(MailError::Away { .. })), "{sent:?}");
    }

    #[tokio::test]
    async fn a_server_without_starttls_gets_nothing_where_it_is_required() {
        let server = MailServer::start();
        let way = format!("{}?tls=required", server.url()).parse().expect("a URL");
        let from = "census@example.com".parse().expect("a mailbox");
        let mailer = SmtpMailer::new(&way, from, Duration::from_secs(1)).expect("the host trusts somebody");
        let sent = send(&mailer, "ann@example.com").await;
        assert!(matches!(sent, Err(MailError::Away { .. })), "{sent:?}");
        assert!(server.taken().is_empty());
    }
}

mod recording {
    use super::*;

    struct Recording(Arc<RecordingMailer>);

    impl Fixture for Recording {
        fn mailer(&self) -> Arc<dyn Mailer> {
            Arc::clone(&self.0) as _
        }

        fn taken(&self) -> Vec<Vec<String>> {
            let taken = self.0.taken().into_iter();
            taken
                .map(|(_, to)| to.iter().map(ToString::to_string).collect())
                .collect()
        }
    }

    shared::mailer_suite!(Recording(Arc::default()));
}
