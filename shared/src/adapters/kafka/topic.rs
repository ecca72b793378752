//! P17: the topic is made where it is missing, and refused where it would lose records.

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::ClientEvents;
use super::elsewhere::Elsewhere;
use super::settings::Settings;
use super::{ANSWER_WITHIN, fault};
use crate::ports::LogError;

const PARTITIONS: i32 = 4;
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
    let found = match describe(&admin, &settings.topic).await {
        Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition)) => {
            create(&admin, &settings.topic)
                .await
                .map_err(|error| fault::away("create topic", error))?;
            describe(&admin, &settings.topic).await
        }
        found => found,
    };
    let found = found.map_err(|error| fault::away("describe topic", error))?;
    check(settings, &found)
}

async fn describe(admin: &Admin, topic: &str) -> Result<ConfigResource, KafkaError> {
    let wanted = ResourceSpecifier::Topic(topic);
    let found = admin.describe_configs([&wanted], &options()).await?;
    found
        .into_iter()
        .map(|resource| resource.map_err(KafkaError::AdminOp))
        .find(|resource| {
            resource
                .as_ref()
                .map_or(true, |found| is_topic(&found.specifier, topic))
        })
        .unwrap_or(Err(KafkaError::AdminOp(
            RDKafkaErrorCode::UnknownTopicOrPartition,
        )))
}

fn is_topic(specifier: &OwnedResourceSpecifier, topic: &str) -> bool {
    matches!(specifier, OwnedResourceSpecifier::Topic(name) if name == topic)
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
             --entity-name {} --add-config {}",
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
