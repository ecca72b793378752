//! `api` and `workers` over real brokers, one of them killed at each point that lies between two of the systems.

use std::time::{Duration, Instant};

use amiquip::{Connection, Exchange, Publish};
use shared::adapters::rabbitmq::Topology;
use shared::job::{QueueName, Role};
use shared::testing::brokers::Brokers;

use super::drive::Client;
use super::recovery::assert_whole;
use super::{for_each_at_once, kill_at};
use crate::brokers::flags_of;
use crate::census::{BOUND, Census, Workers, data_folder};
use crate::truth::Log;

const ROLES: &str = "userevents,userstats";

/// Points whose step touches RabbitMQ, Kafka or the other process, and who dies there.
const POINTS: [(&str, Dies); 14] = [
    ("accept/after-commit", Dies::Api),
    ("dispatch/after-send", Dies::Api),
    ("mark_sent/after-commit", Dies::Api),
    ("claim/before-commit", Dies::Workers),
    ("claim/after-commit", Dies::Workers),
    ("claim/after-acknowledge", Dies::Workers),
    ("publish/after-append", Dies::Workers),
    ("finish/before-commit", Dies::Workers),
    ("finish/after-commit", Dies::Workers),
    ("park/before-look", Dies::Workers),
    ("fold/before-commit", Dies::Workers),
    ("fold/after-commit", Dies::Workers),
    ("fold/before-wake", Dies::Workers),
    ("wake/after-commit", Dies::Workers),
];

#[derive(Clone, Copy)]
enum Dies {
    Api,
    Workers,
}

#[test]
fn either_process_dies_between_two_systems_and_nothing_is_lost_or_counted_twice() {
    let each = POINTS.map(|(point, dies)| (point.to_owned(), dies));
    for_each_at_once(&each, |point, dies| {
        let name = Brokers::get().unique_prefix();
        let data = data_folder();
        let flags = flags_of(data.path(), &name);
        // Over a slow projection every report has to wait for it.
        let faults = format!("fold/before-commit=sleep(200);{}", kill_at(point, 1));
        let (of_api, of_workers) = match dies {
            Dies::Api => (faults.as_str(), ""),
            Dies::Workers => ("", faults.as_str()),
        };
        let mut census = Census::start_armed(flags.clone(), of_api).expect("no request came yet");
        let mut workers = Workers::start_armed(ROLES, &flags, of_workers);
        let mut client = Client::default();
        client.usual(&mut census, |census| census.has_ended() || workers.has_ended());
        let (census, _workers) = match dies {
            Dies::Api => {
                census.killed_itself();
                (Census::start(flags), workers)
            }
            Dies::Workers => {
                workers.killed_itself();
                (census, Workers::start(ROLES, &flags))
            }
        };
        assert_whole(&census, &mut client, || kafka(&name));
    });
}

#[test]
fn a_rescuer_dies_while_it_takes_back_what_another_left() {
    let each =
        ["rescue_lapsed/before-commit", "rescue_lapsed/after-commit"].map(|point| (point.to_owned(), ()));
    for_each_at_once(&each, |point, ()| {
        let name = Brokers::get().unique_prefix();
        let data = data_folder();
        let flags = flags_of(data.path(), &name);
        let census = Census::start(flags.clone());
        let stuck = Workers::start_armed(ROLES, &flags, "publish/after-append=sleep(60000)");
        let mut client = Client::default();
        let job = client.sample(&census).expect("the api answers");
        until_running(&census, &job);
        stuck.kill();
        Workers::start_armed(ROLES, &flags, &kill_at(point, 1)).killed_itself();
        let _workers = Workers::start(ROLES, &flags);
        assert_whole(&census, &mut client, || kafka(&name));
    });
}

#[test]
fn a_consumer_dies_with_poison_in_its_hands_and_the_flow_goes_on() {
    let name = Brokers::get().unique_prefix();
    let data = data_folder();
    let flags = flags_of(data.path(), &name);
    let mut census = Census::start(flags.clone());
    let mut client = Client::default();
    // The queues are there once something was sent.
    let workers = Workers::start(ROLES, &flags);
    let job = client.sample(&census).expect("the api answers");
    census.succeeded(&job);
    workers.terminate();
    poison(&name);
    Workers::start_armed(ROLES, &flags, &kill_at("consume/after-reject", 1)).killed_itself();
    let _workers = Workers::start(ROLES, &flags);
    let mut rounds = 0..2;
    client.usual(&mut census, |_| rounds.next().is_none());
    assert_whole(&census, &mut client, || kafka(&name));
}

/// Puts what is no wake-up into the queue of submits.
fn poison(name: &str) {
    let queue = Topology::new(name).queue(QueueName(Role::UserEvents));
    let mut connection = Connection::insecure_open(Brokers::get().rabbitmq_url()).expect("RabbitMQ answers");
    let channel = connection.open_channel(None).expect("RabbitMQ answers");
    Exchange::direct(&channel)
        .publish(Publish::new(b"not a wake-up", queue))
        .expect("RabbitMQ takes it");
    connection.close().expect("RabbitMQ has taken it");
}

fn until_running(census: &Census, job: &str) {
    let started = Instant::now();
    while census.get(&format!("/jobs/{job}")).json()["state"] != "running" {
        assert!(started.elapsed() < BOUND, "the job is not taken up");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn kafka(name: &str) -> Log {
    Log::of_kafka(Brokers::get().kafka_brokers(), name)
}
