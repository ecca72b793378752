//! P17: the topic is made where it is missing, and refused where it would lose records.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::ClientEvents;
use super::elsewhere::Elsewhere;
use super::settings::Settings;
use super::{ANSWER_WITHIN, fault};
use crate::ports::LogError;

const PARTITIONS: i32 = 4;
/// How long to wait before a topic that was just made is asked for again.
const HEARD_OF_AFTER: Duration = Duration::from_millis(20);
/// With any other value Kafka deletes records by itself.
const REQUIRED: [(&str, &str); 3] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
];

type Admin = Elsewhere<AdminClient<ClientEvents>>;

pub(super) async fn prepare(settings: &Settings, events: ClientEvents) -> Result<(), LogError> {
    let admin: Admin = settings
        .client()
        .create_with_context(events)
        .map(Elsewhere::new)
        .map_err(|error| fault::away("connect", error))?;
    let describe_fault = |error| fault::away("describe topic", error);
    let found = match describe(&admin, &settings.topic).await.map_err(describe_fault)? {
        Some(found) => found,
        None => {
            create(&admin, &settings.topic)
                .await
                .map_err(|error| fault::away("create topic", error))?;
            describe_made(&admin, &settings.topic)
                .await
                .map_err(describe_fault)?
        }
    };
    check(settings, &found)
}

/// The topic's settings; `None` where the cluster has no such topic, or hides it from us.
async fn describe(admin: &Admin, topic: &str) -> Result<Option<ConfigResource>, KafkaError> {
    let wanted = ResourceSpecifier::Topic(topic);
    for resource in admin.describe_configs([&wanted], &options()).await? {
        let resource = resource.map_err(KafkaError::AdminOp)?;
        // rdkafka drops the fault of a single resource: a topic that is missing has no settings.
        if !resource.entries.is_empty() {
            return Ok(Some(resource));
        }
    }
    Ok(None)
}

/// The settings of a topic that was just made, as soon as the brokers have heard of it.
async fn describe_made(admin: &Admin, topic: &str) -> Result<ConfigResource, KafkaError> {
    let made = async {
        loop {
            if let Some(found) = describe(admin, topic).await? {
                return Ok(found);
            }
            tokio::time::sleep(HEARD_OF_AFTER).await;
        }
    };
    tokio::time::timeout(ANSWER_WITHIN, made)
        .await
        .unwrap_or(Err(KafkaError::AdminOp(
            RDKafkaErrorCode::UnknownTopicOrPartition,
        )))
}

async fn create(admin: &Admin, topic: &str) -> Result<(), KafkaError> {
    // The cluster knows how many replicas it can hold.
    let wanted = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(-1));
    let wanted = REQUIRED
        .into_iter()
        .fold(wanted, |wanted, (name, value)| wanted.set(name, value));
    for result in admin.create_topics([&wanted], &options()).await? {
        match result {
            // Another process was faster; its topic is checked like any other.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    tracing::info!(topic, partitions = PARTITIONS, "the topic was made");
    Ok(())
}

fn check(settings: &Settings, found: &ConfigResource) -> Result<(), LogError> {
    let wrong: Vec<String> = REQUIRED
        .into_iter()
        .filter_map(|(name, wanted)| {
            let value = found.get(name).and_then(|entry| entry.value.as_deref());
            (value != Some(wanted)).then(|| format!("{name} is {}, not {wanted}", value.unwrap_or("unknown")))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(LogError::Unfit {
        topic: settings.topic.clone(),
        reason: format!(
            "{}; to mend it: kafka-configs.sh --bootstrap-server {} --alter --entity-type topics \
             --entity-name {} --add-config {}; to use it all the same: CENSUS_KAFKA_ACCEPT_UNFIT_TOPIC=true",
            wrong.join(", "),
            settings.brokers,
            settings.topic,
            REQUIRED.map(|(name, value)| format!("{name}={value}")).join(","),
        ),
    })
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ANSWER_WITHIN))
        .operation_timeout(Some(ANSWER_WITHIN))
}
