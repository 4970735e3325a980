//! `[queues.x]` and `[kinds."…"]`: lanes, and how each kind is tried.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Backoff, Limits, PartitionOrder, Policy, QueueOptions, Registry};

use super::field::Field;
use super::retention;
use super::section::Section;
use super::suggest::did_you_mean;
use super::{Config, DAY, SECOND};

const SLOTS: usize = 20;

pub(super) fn queues(root: &Section<'_>) -> Vec<QueueOptions> {
    let Some(table) = root.section("queues") else {
        return Vec::new();
    };
    let mut queues = Vec::new();
    for (name, field) in table.entries() {
        let Some(section) = field.section() else {
            continue;
        };
        let slots = section
            .get("concurrency")
            .and_then(|field| field.integer(1..=10_000));
        let slots = slots
            .and_then(|slots| usize::try_from(slots).ok())
            .unwrap_or(SLOTS);
        section.finish(&[
            (
                "lease",
                "the lease is the whole worker's: `[worker] lease = \"15s\"`",
            ),
            (
                "poll",
                "the poll is the whole worker's: `[worker] poll = \"1s\"`",
            ),
        ]);
        queues.push(QueueOptions::new(name.get_ref().as_ref(), slots));
    }
    queues
}

pub(super) fn kinds(
    root: &Section<'_>,
    registry: &Registry,
    queues: &[QueueOptions],
) -> BTreeMap<String, Policy> {
    let mut policies: BTreeMap<String, Policy> = registry.policies().into_iter().collect();
    let Some(table) = root.section("kinds") else {
        return policies;
    };
    let known = registry.kinds();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let lanes = lanes(registry, queues);
    for (name, field) in table.entries() {
        let kind = name.get_ref().as_ref();
        if !known.contains(&kind) {
            let help = unknown_kind_help(kind, &field, &known);
            field.refuse(
                format!("unknown kind `{kind}`"),
                "no handler of this name",
                help,
            );
        } else if let Some(policy) = read(&field, registry.policy(kind), &lanes) {
            policies.insert(kind.to_owned(), policy);
        }
    }
    policies
}

/// `[kinds.soundtrack.sync_zones]` without quotes is a table in a table: the likeliest slip.
fn unknown_kind_help(kind: &str, field: &Field<'_>, known: &[&str]) -> Option<String> {
    let inner = field.keys().into_iter().map(|key| format!("{kind}.{key}"));
    let unquoted = inner
        .into_iter()
        .find(|whole| known.contains(&whole.as_str()));
    match unquoted {
        Some(whole) => Some(format!(
            "a kind holds a dot, so it needs quotes: `[kinds.\"{whole}\"]`"
        )),
        None => did_you_mean(kind, known),
    }
}

/// Queues of the file and those that kinds have by themselves.
pub(super) fn lanes(registry: &Registry, queues: &[QueueOptions]) -> Vec<String> {
    let mut lanes: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    lanes.extend(
        registry
            .policies()
            .into_iter()
            .map(|(_, policy)| policy.queue),
    );
    lanes.push("default".into());
    lanes.sort();
    lanes.dedup();
    lanes
}

/// The queue of a kind or schedule, which some worker must serve.
pub(super) fn lane(field: &Field<'_>, lanes: &[String]) -> Option<String> {
    let name = field.text()?;
    if !lanes.iter().any(|lane| lane == name) {
        let known: Vec<&str> = lanes.iter().map(String::as_str).collect();
        let mut help = format!("to make it, add `[queues.{name}]`");
        if let Some(meant) = did_you_mean(name, &known) {
            help = format!("{meant} {help}");
        }
        field.refuse(
            format!("no queue is called `{name}`"),
            "no worker would serve it",
            Some(help),
        );
        return None;
    }
    Some(name.to_owned())
}

fn read(field: &Field<'_>, usual: Policy, lanes: &[String]) -> Option<Policy> {
    let section = field.section()?;
    let mut policy = usual;
    if let Some(queue) = section.get("queue").and_then(|field| lane(&field, lanes)) {
        policy.queue = queue;
    }
    let small = |number: i64| i16::try_from(number).ok();
    let priority = section
        .get("priority")
        .and_then(|field| field.integer(-1000..=1000));
    policy.priority = priority.and_then(small).unwrap_or(policy.priority);
    let attempts = section
        .get("max_attempts")
        .and_then(|field| field.integer(1..=1000));
    let attempts = attempts.and_then(|number| u16::try_from(number).ok());
    policy.max_attempts = attempts.unwrap_or(policy.max_attempts);
    let timeout = section
        .get("timeout")
        .and_then(|field| field.duration(SECOND..=DAY));
    policy.timeout = timeout.unwrap_or(policy.timeout);
    if let Some(field) = section.get("backoff") {
        policy.backoff = backoff(&field, policy.backoff);
    }
    policy.limits = limits(&section, policy.limits);
    policy.retention = retention::of_kind(&section, policy.retention);
    section.finish(&[
        (
            "concurrency",
            "slots are per queue: `[queues.default] concurrency = 20`",
        ),
        (
            "order",
            "order is a partition's: `partition = { order = \"block\" }`",
        ),
        (
            "retries",
            "attempts are counted, the first one too: `max_attempts = 8`",
        ),
    ]);
    Some(policy)
}

/// What a kind may not exceed, over the whole fleet.
fn limits(kind: &Section<'_>, usual: Limits) -> Limits {
    let count = |field: Field<'_>| {
        field
            .integer(1..=10_000)
            .and_then(|n| u32::try_from(n).ok())
    };
    let running = kind.get("running").and_then(count);
    let mut limits = Limits {
        running: running.or(usual.running),
        ..usual
    };
    if let Some(field) = kind.get("connection") {
        limits.per_connection = per_connection(&field, count).or(limits.per_connection);
        if kind.get("partition").is_some() || limits.contradiction().is_some() {
            let help = "per connection, a job's connection is its partition: leave `partition` out, or `connection`";
            field.refuse(
                "a kind is limited per connection or per partition, not both".into(),
                "contradicts `partition`",
                Some(help.into()),
            );
        }
    }
    let Some(section) = kind.section("partition") else {
        return limits;
    };
    let (running, order) = (section.get("running"), section.get("order"));
    let per_partition = running.clone().and_then(count);
    limits.per_partition = per_partition.or(limits.per_partition);
    let words = [PartitionOrder::Block, PartitionOrder::Skip].map(|order| (order.as_str(), order));
    let read = order.as_ref().and_then(|field| field.word(&words));
    limits.order = read.or(limits.order);
    section.finish(&[(
        "concurrency",
        "a limit over the whole fleet is `running = 1`",
    )]);
    if let Some(field) = order.or(running)
        && limits.order.is_some()
        && limits.per_partition.is_some_and(|running| running > 1)
    {
        let help = "jobs in order run one at a time: leave `running` out, or `order`";
        field.refuse(
            "a partition cannot keep order and run several jobs at a time".into(),
            "contradicts `running`",
            Some(help.into()),
        );
    }
    limits
}

/// Jobs of one connection that run at a time.
fn per_connection<'d>(field: &Field<'d>, count: impl Fn(Field<'d>) -> Option<u32>) -> Option<u32> {
    let section = field.section()?;
    let running = section.get("running").and_then(count);
    section.finish(&[
        (
            "concurrency",
            "a limit over the whole fleet is `running = 2`",
        ),
        (
            "order",
            "order is a partition's: `partition = { order = \"block\" }`",
        ),
    ]);
    running
}

fn backoff(field: &Field<'_>, usual: Backoff) -> Backoff {
    let Some(section) = field.section() else {
        return usual;
    };
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let base = section.get("base");
    let max = section.get("max");
    let base_ms = base
        .as_ref()
        .and_then(|f| f.duration(SECOND / 1000..=DAY))
        .map(millis);
    let max_ms = max
        .as_ref()
        .and_then(|f| f.duration(SECOND / 1000..=DAY * 7))
        .map(millis);
    let factor = section
        .get("factor")
        .and_then(|field| field.number(1.0..=100.0));
    section.finish(&[]);
    let read = Backoff {
        base_ms: base_ms.unwrap_or(usual.base_ms),
        factor: factor.unwrap_or(usual.factor),
        max_ms: max_ms.unwrap_or(usual.max_ms),
    };
    if let Some(field) = max.or(base)
        && read.max_ms < read.base_ms
    {
        let label = "expected at least the base";
        let help = "the base is the first wait's ceiling, the max that of every later one";
        field.refuse(
            "the longest wait is shorter than the first".into(),
            label,
            Some(help.into()),
        );
    }
    read
}

/// A lane without jobs is mostly a typing mistake somewhere else.
pub(super) fn warn_of_idle_queues(root: &Section<'_>, config: &Config) {
    let Some(table) = root.section("queues") else {
        return;
    };
    for (name, field) in table.entries() {
        let name = name.get_ref().as_ref();
        let used = config.policies.values().any(|policy| policy.queue == name);
        if !used && name != "default" {
            let help = "put kinds into it with `[kinds.\"…\"] queue`, or schedules with `queue`";
            field.warn(
                format!("no kind runs in the queue `{name}`"),
                "nobody uses it",
                Some(help.into()),
            );
        }
    }
}
