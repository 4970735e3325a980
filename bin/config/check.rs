//! From a TOML document to a checked [`Config`], section by section, collecting every problem.

use std::path::PathBuf;

use engine::{Registry, WorkerOptions};
use toml::Spanned;
use toml::de::DeTable;

use super::connections::{connections, credentials};
use super::duration::show;
use super::logs::logs;
use super::problem::{Problem, Problems, Severity};
use super::remotes::{breaker, http};
use super::retention;
use super::section::Section;
use super::{Config, Database, Private, SECOND};
use super::{complete_queues, defaults, policy, schedules};

/// What the parser could not read. It goes on after a mistake where it can.
pub(super) fn syntax(error: &toml::de::Error, text: &str, problems: &Problems) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = error
        .message()
        .lines()
        .next()
        .unwrap_or("cannot be read")
        .to_owned();
    let twice = message.contains("duplicate key");
    let label = if twice {
        "it stands here a second time"
    } else {
        "here the file stops being TOML"
    };
    problems.add(Problem {
        severity: Severity::Error,
        at: String::new(),
        span,
        label: label.into(),
        help: syntax_help(&message).map(str::to_owned),
        message,
    });
}

fn syntax_help(message: &str) -> Option<&'static str> {
    if message.contains("duplicate key") {
        return Some("a key or table may stand in a file only once: join the two");
    }
    if message.contains("string") || message.contains("quote") {
        return Some("text stands in double quotes, on one line: \"…\"");
    }
    if message.contains("key") {
        return Some("a setting is written `name = value`; names with dots need quotes");
    }
    None
}

/// The whole file.
pub(super) fn document(
    document: &Spanned<DeTable<'_>>,
    registry: &Registry,
    problems: &Problems,
) -> Config {
    let root = Section::root(document, problems);
    let mut config = defaults(registry);
    if let Some(section) = root.section("database") {
        config.database = database(&section);
        section.finish(&[]);
    }
    if let Some(section) = root.section("postgres") {
        config.postgres = private(&section);
        section.finish(&[(
            "url",
            "the address of a server you have is `[database] url`",
        )]);
    }
    if let Some(section) = root.section("credentials") {
        config.connections.keys = credentials(section, config.connections.keys);
    }
    if let Some(section) = root.section("connections") {
        config.connections = connections(&section, config.connections);
    }
    if let Some(section) = root.section("breaker") {
        config.breaker = breaker(section);
    }
    if let Some(section) = root.section("http") {
        config.http = http(section, config.http);
    }
    if let Some(section) = root.section("worker") {
        worker(section, &mut config.worker);
    }
    if let Some(section) = root.section("retention") {
        config.worker.retention = retention::of_all(section);
    }
    if let Some(section) = root.section("logs") {
        (config.logs, config.worker.retention.logs) = logs(section, config.worker.retention.logs);
    }
    config.worker.queues = policy::queues(&root);
    config.policies = policy::kinds(&root, registry, &config.worker.queues);
    policy::warn_of_idle_queues(&root, &config);
    complete_queues(&mut config);
    let registry = config.apply_to(registry.clone());
    config.schedules = schedules::schedules(&root, &registry, &config.worker.queues);
    root.finish(&[
        (
            "schedules",
            "every schedule is a table of its own: `[[schedule]]`",
        ),
        (
            "soundtrack",
            "it is now `[connections.\"soundtrack/default\"]`, with the same settings",
        ),
    ]);
    config
}

fn database(section: &Section<'_>) -> Option<Database> {
    let field = section.get("url")?;
    let url = field.text()?;
    if url.contains('@') {
        field.hide();
    }
    if let Err(problem) = database_url(url) {
        field.refuse(problem, "expected an address", Some(EXAMPLE_URL.into()));
        return None;
    }
    Some(Database {
        url: url.to_owned(),
        origin: "[database] url".into(),
    })
}

const EXAMPLE_URL: &str = "write it as `postgres://user@host:5432/database`; \
                           leave [database] out for the private Postgres";

/// Refuses what cannot be a Postgres address, without repeating it.
pub(super) fn database_url(url: &str) -> Result<(), String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("a database address starts with `postgres://`".into());
    }
    match url.parse::<sqlx::postgres::PgConnectOptions>() {
        Ok(_) => Ok(()),
        Err(_) => Err("the database address cannot be read".into()),
    }
}

fn private(section: &Section<'_>) -> Private {
    let path = |key| {
        section
            .get(key)
            .and_then(|field| field.text())
            .map(PathBuf::from)
    };
    let bin_dir = section.get("bin_dir").and_then(|field| {
        let dir = PathBuf::from(field.text()?);
        if !dir.join("postgres").is_file() {
            let message = format!("there is no Postgres in {}", dir.display());
            let help = "give the directory that holds `postgres` and `initdb`, or leave it out";
            field.refuse(
                message,
                "expected a directory with Postgres",
                Some(help.into()),
            );
        }
        Some(dir)
    });
    let data_dir = path("data_dir");
    let run_as = section
        .get("run_as")
        .and_then(|field| field.text())
        .map(str::to_owned);
    Private {
        bin_dir,
        data_dir,
        run_as,
    }
}

fn worker(section: Section<'_>, options: &mut WorkerOptions) {
    let lease = section.get("lease");
    let heartbeat = section.get("heartbeat");
    let range = SECOND..=SECOND * 3600;
    if let Some(lease) = lease
        .as_ref()
        .and_then(|field| field.duration(SECOND * 2..=SECOND * 3600))
    {
        options.lease = lease;
        options.heartbeat = lease / 3;
    }
    if let Some(beat) = heartbeat
        .as_ref()
        .and_then(|field| field.duration(SECOND / 2..=SECOND * 3600))
    {
        options.heartbeat = beat;
    }
    if let Some(field) = heartbeat.or(lease)
        && options.heartbeat * 2 > options.lease
    {
        let (beat, lease) = (show(options.heartbeat), show(options.lease));
        let help = "a third of the lease leaves room for two misses";
        let message = format!("a heartbeat every {beat} is too rare for a lease of {lease}");
        field.refuse(
            message,
            "one late heartbeat would lose every job",
            Some(help.into()),
        );
    }
    let span = |key| {
        section
            .get(key)
            .and_then(|field| field.duration(range.clone()))
    };
    if let Some(shutdown) = span("shutdown") {
        options.shutdown = shutdown;
    }
    if let Some(grace) = span("grace") {
        options.grace = grace;
    }
    if let Some(poll) = section
        .get("poll")
        .and_then(|field| field.duration(SECOND / 20..=SECOND * 60))
    {
        options.poll = poll;
    }
    if let Some(label) = section.get("label").and_then(|field| field.text()) {
        options.label = label.to_owned();
    }
    section.finish(&[(
        "concurrency",
        "slots are per queue: `[queues.default] concurrency = 20`",
    )]);
}
