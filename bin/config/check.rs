//! From a TOML document to a checked [`Config`], section by section, collecting every problem.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use engine::{Registry, Retention, WorkerOptions};
use toml::Spanned;
use toml::de::DeTable;

use super::problem::{Problem, Problems, Severity};
use super::section::{Field, Section, show};
use super::{Config, DAY, Database, Http, Private, SECOND, Soundtrack, TokenSource};
use super::{complete_queues, defaults, policy, schedules};

const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// What the parser could not read. It goes on after a mistake where it can.
pub(super) fn syntax(error: &toml::de::Error, text: &str, problems: &Problems) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = error.message().lines().next().unwrap_or("cannot be read").to_owned();
    let twice = message.contains("duplicate key");
    let label = if twice { "it stands here a second time" } else { "here the file stops being TOML" };
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
        section.finish(&[("url", "the address of a server you have is `[database] url`")]);
    }
    if let Some(section) = root.section("soundtrack") {
        config.soundtrack = soundtrack(section, config.soundtrack);
    }
    if let Some(section) = root.section("http") {
        config.http = http(section, config.http);
    }
    if let Some(section) = root.section("worker") {
        worker(section, &mut config.worker);
    }
    if let Some(section) = root.section("retention") {
        config.worker.retention = retention(section);
    }
    config.worker.queues = policy::queues(&root);
    config.policies = policy::kinds(&root, registry, &config.worker.queues);
    policy::warn_of_idle_queues(&root, &config);
    complete_queues(&mut config);
    config.schedules = schedules::schedules(&root, registry, &config.worker.queues);
    root.finish(&[("schedules", "every schedule is a table of its own: `[[schedule]]`")]);
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
    Some(Database { url: url.to_owned(), origin: "[database] url".into() })
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
    let path = |key| section.get(key).and_then(|field| field.text()).map(PathBuf::from);
    let bin_dir = section.get("bin_dir").and_then(|field| {
        let dir = PathBuf::from(field.text()?);
        if !dir.join("postgres").is_file() {
            let message = format!("there is no Postgres in {}", dir.display());
            let help = "give the directory that holds `postgres` and `initdb`, or leave it out";
            field.refuse(message, "expected a directory with Postgres", Some(help.into()));
        }
        Some(dir)
    });
    let data_dir = path("data_dir");
    let run_as = section.get("run_as").and_then(|field| field.text()).map(str::to_owned);
    Private { bin_dir, data_dir, run_as }
}

fn soundtrack(section: Section<'_>, usual: Soundtrack) -> Soundtrack {
    for key in ["token", "api_token", "api_key", "secret", "password"] {
        if let Some(field) = section.get(key) {
            field.hide();
            let help = format!(
                "put it in the environment variable {}, or in a file of its own and name \
                 the file: `token_file = \"/run/secrets/soundtrack\"`",
                super::DEFAULT_TOKEN_ENV
            );
            field.refuse("a secret does not belong in this file".into(), "remove it", Some(help));
        }
    }
    let base_url = section.get("base_url").and_then(|field| endpoint(&field));
    let token = token_source(&section).unwrap_or(usual.token);
    let page_size = section.get("page_size").and_then(|field| field.integer(1..=100));
    let refill = section.get("refill").and_then(|field| field.number(0.2..=10_000.0));
    section.finish(&[]);
    let page_size = page_size.and_then(|size| u32::try_from(size).ok());
    Soundtrack { base_url, token, page_size, refill }
}

fn token_source(section: &Section<'_>) -> Option<TokenSource> {
    let env = section.get("token_env");
    let file = section.get("token_file");
    if let (Some(_), Some(field)) = (&env, &file) {
        let label = "`token_env` is set too";
        field.refuse("the token can be in one place only".into(), label, Some("remove one of the two".into()));
    }
    if let Some(path) = file.and_then(|field| field.text().map(PathBuf::from)) {
        return Some(TokenSource::File(path));
    }
    let field = env?;
    let name = field.text()?;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        // It may well be the token itself.
        field.hide();
        let help = format!("write it as `token_env = \"{}\"`", super::DEFAULT_TOKEN_ENV);
        field.refuse("this cannot name a variable".into(), "expected A-Z, 0-9 and _", Some(help));
        return None;
    }
    Some(TokenSource::Env(name.to_owned()))
}

/// The token goes to whatever stands here, so plain HTTP is for this machine only.
fn endpoint(field: &Field<'_>) -> Option<String> {
    let url = field.text()?;
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    if url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)) {
        return Some(url.to_owned());
    }
    let help = "write it as `https://api.soundtrackyourbrand.com/v2`; plain http works on this machine only";
    field.refuse(format!("`{url}` is not an endpoint the token may go to"), "expected https://", Some(help.into()));
    None
}

fn http(section: Section<'_>, usual: Http) -> Http {
    let listen = section.get("listen");
    let metrics = section.get("metrics_listen");
    let off = |field: &Field<'_>| field.text() == Some("off");
    let listen_at = listen.as_ref().and_then(address).unwrap_or(usual.listen);
    let metrics_at = match &metrics {
        Some(field) if off(field) => None,
        Some(field) => address(field),
        None => usual.metrics_listen,
    };
    if let Some(field) = metrics
        && metrics_at == Some(listen_at)
        && listen_at.port() != 0
    {
        let help = "metrics have a listener of their own: choose another port, or \"off\"";
        field.refuse("the API listens there already".into(), "expected another address", Some(help.into()));
    }
    section.finish(&[]);
    Http { listen: listen_at, metrics_listen: metrics_at }
}

fn address(field: &Field<'_>) -> Option<SocketAddr> {
    let text = field.text()?;
    let parsed = parse_address(text);
    if parsed.is_none() {
        let help = "write it as `127.0.0.1:8080`, or `0.0.0.0:8080` for all interfaces";
        field.refuse(format!("`{text}` is not an address"), "expected an IP address and a port", Some(help.into()));
    }
    parsed
}

/// `localhost:8080` and `:8080` are what people write.
pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if text.starts_with(':') => format!("0.0.0.0{text}"),
        None => text.to_owned(),
    };
    text.parse().ok()
}

fn worker(section: Section<'_>, options: &mut WorkerOptions) {
    let lease = section.get("lease");
    let heartbeat = section.get("heartbeat");
    let range = SECOND..=SECOND * 3600;
    if let Some(lease) = lease.as_ref().and_then(|field| field.duration(SECOND * 2..=SECOND * 3600)) {
        options.lease = lease;
        options.heartbeat = lease / 3;
    }
    if let Some(beat) = heartbeat.as_ref().and_then(|field| field.duration(SECOND / 2..=SECOND * 3600)) {
        options.heartbeat = beat;
    }
    if let Some(field) = heartbeat.or(lease)
        && options.heartbeat * 2 > options.lease
    {
        let (beat, lease) = (show(options.heartbeat), show(options.lease));
        let help = "a third of the lease leaves room for two misses";
        let message = format!("a heartbeat every {beat} is too rare for a lease of {lease}");
        field.refuse(message, "one late heartbeat would lose every job", Some(help.into()));
    }
    let span = |key| section.get(key).and_then(|field| field.duration(range.clone()));
    if let Some(shutdown) = span("shutdown") {
        options.shutdown = shutdown;
    }
    if let Some(grace) = span("grace") {
        options.grace = grace;
    }
    if let Some(poll) = section.get("poll").and_then(|field| field.duration(SECOND / 20..=SECOND * 60)) {
        options.poll = poll;
    }
    if let Some(label) = section.get("label").and_then(|field| field.text()) {
        options.label = label.to_owned();
    }
    section.finish(&[("concurrency", "slots are per queue: `[queues.default] concurrency = 20`")]);
}

fn retention(section: Section<'_>) -> Retention {
    let mut kept = Retention::default();
    let span = |key: &'static str, usual: Option<Duration>| match section.get(key) {
        Some(field) if field.json() == "forever" => None,
        Some(field) => field.duration(SECOND * 60..=YEAR * 100),
        None => usual,
    };
    kept.completed = span("completed", kept.completed);
    kept.cancelled = span("cancelled", kept.cancelled);
    kept.dead = span("dead", kept.dead);
    if let (Some(field), Some(dead)) = (section.get("dead"), kept.dead)
        && dead < DAY * 7
    {
        let help = "nobody sees a dead letter that went over a long week-end; leave it out to keep them for ever";
        field.warn(format!("dead letters are deleted after {}", show(dead)), "rather short", Some(help.into()));
    }
    section.finish(&[]);
    kept
}
