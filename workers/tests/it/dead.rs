//! The subcommand `dead` as an operator runs it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use shared::adapters::rabbitmq::RabbitQueue;
use shared::adapters::system::SystemClock;
use shared::ports::{Health, JobQueue};
use shared::testing::brokers::Brokers;
use shared::testing::job_queue::{QUEUE, send_all, take, wakeups};
use shared::testing::wait::{wait_until, within};

use crate::bench::BOUND;

fn dead(config: &Path, what: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_workers"))
        .arg("dead")
        .args(what)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p19_dead_messages_are_listed_sent_again_and_thrown_away() {
    let brokers = Brokers::get();
    let prefix = brokers.unique_prefix();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("census.toml");
    let url = brokers.rabbitmq_url();
    let lines = format!("profile = \"brokers\"\nrabbitmq_url = \"{url}\"\nrabbitmq_prefix = \"{prefix}\"\n");
    std::fs::write(&config, lines).unwrap();

    let queue = RabbitQueue::connect(url, &prefix, Arc::new(SystemClock));
    wait_until("a connection", BOUND, async || {
        let health = queue.health();
        if health.up {
            Ok(())
        } else {
            Err(format!("{health:?}"))
        }
    })
    .await;
    send_all(&queue, QUEUE, &wakeups(1)).await;
    let mut consumer = queue.consume(QUEUE, 1).await;
    let delivery = take(&mut *consumer, 1).await.pop().unwrap();
    consumer.reject(delivery).await;

    let listed = wait_until("the dead message", BOUND, async || {
        let listed = dead(&config, &["list"]);
        if listed.stdout.is_empty() {
            Err(text(&listed.stderr))
        } else {
            Ok(listed)
        }
    })
    .await;
    let line = text(&listed.stdout);
    for part in [
        r#""type":"census.wakeup.v1""#,
        &format!(r#""queue":"{prefix}.userevents""#),
        r#""reason":"rejected""#,
        r#""died_at":"#,
        r#""start":"{\"job\":"#,
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let sent = dead(&config, &["redrive"]);
    assert_eq!(
        (sent.status.code(), text(&sent.stdout)),
        (Some(0), "{\"sent\":1}\n".to_owned())
    );
    let again = within("the wake-up", BOUND, take(&mut *consumer, 1)).await;
    consumer.acknowledge(again).await;
    let thrown = dead(&config, &["discard"]);
    assert_eq!(
        text(&thrown.stdout),
        "{\"discarded\":0}\n",
        "{}",
        text(&thrown.stderr)
    );
}

#[test]
fn the_embedded_profile_says_that_it_has_no_dead_queue() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("census.toml");
    std::fs::write(&config, "profile = \"embedded\"\n").unwrap();
    let refused = dead(&config, &["list"]);
    assert_eq!(refused.status.code(), Some(2));
    let sentence = text(&refused.stderr);
    assert!(sentence.contains("has no dead queue"), "{sentence}");
}
