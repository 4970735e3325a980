//! `lockstep enqueue`: put one job into the queue, with everything an enqueue can say.

use std::io::Read;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use engine::{Answer, Enqueued, NewJob, State, Twin, UniqueScope, When};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited::{self, Told};
use crate::cli::Change;
use crate::config::parse_duration;
use crate::http;
use crate::kinds::Known;
use crate::output::{Exit, Fault};

/// The job.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  lockstep enqueue soundtrack.sync_zones --args '{\"company_id\": 42}' --wait
  lockstep enqueue soundtrack.sync_all --delay 10m --unique-key nightly
  lockstep enqueue zoho.sync_products --args '{\"connection\": \"zoho/1\"}' --rate-key zoho/1
  echo '{\"company_id\": 42}' | lockstep enqueue soundtrack.sync_zones --args -")]
pub(crate) struct Enqueue {
    /// Which kind of job
    kind: String,
    /// Its input: JSON, @file, or - for stdin
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// In which queue; the kind's unless said
    #[arg(long)]
    queue: Option<String>,
    /// Lower runs first
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i16>,
    /// Not before this long from now: 90s, 10m, 2h
    #[arg(long, value_parser = duration, conflicts_with = "at")]
    delay: Option<Duration>,
    /// Not before this instant: 2026-12-24T18:00:00Z
    #[arg(long)]
    at: Option<Timestamp>,
    /// Attempts that may fail
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_attempts: Option<u16>,
    /// Keeps twins away
    #[arg(long, value_name = "KEY", conflicts_with = "idempotency_key")]
    unique_key: Option<String>,
    /// How long the unique key holds: queued, running, or a period as 1h
    #[arg(long, value_name = "SCOPE", default_value = "running", requires = "unique_key", value_parser = scope)]
    scope: UniqueScope,
    /// What happens to a twin
    #[arg(long, value_enum, default_value_t = TwinRule::Keep, requires = "unique_key")]
    twin: TwinRule,
    /// The same key gives the same job for a day, however often it is asked
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A word to find it by; may be said often
    #[arg(long)]
    tag: Vec<String>,
    /// A rate budget it draws on, its connection first; may be said often
    #[arg(long, value_name = "KEY")]
    rate_key: Vec<String>,
    /// Whose jobs run in turn, and at a time only as many as the kind lets
    #[arg(long, value_name = "KEY")]
    partition_key: Option<String>,
    /// Even if no program runs such jobs yet
    #[arg(long)]
    unknown_kind: bool,
    /// Wait until it has ended
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_parser = duration, default_value = "5m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    change: Change,
}

/// What a second enqueue with the same unique key does.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TwinRule {
    /// Nothing: the first stands for both
    Keep,
    /// Gives the first the new args, or follows it if it has started
    Replace,
    /// Follows the first if it has started
    Follow,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Does it.
pub(crate) async fn run(app: &App, enqueue: Enqueue) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = put(app, &session, enqueue).await;
    session.close().await?;
    exit
}

async fn put(app: &App, session: &Session, enqueue: Enqueue) -> anyhow::Result<Exit> {
    if !enqueue.unknown_kind {
        check_kind(session, &enqueue.kind).await?;
    }
    let args = args(&enqueue.args)?;
    let job = job_of(app, &enqueue, &args);
    // Also a dry run asks the database, and is refused where the enqueue would be.
    let tell = |one: Enqueued| Told {
        action: "job.enqueue",
        target: one.id.to_string(),
        detail: json!({"kind": enqueue.kind, "answer": one.answer}),
    };
    let made = put_in(app, session, job, &enqueue.change, tell).await?;
    let what = format!("enqueue {} with {args}", enqueue.kind);
    if dry(app, &enqueue.change, &what)? {
        return Ok(Exit::Ok);
    }
    if enqueue.wait {
        return wait(app, session, made.id, enqueue.timeout).await;
    }
    let words = match made.answer {
        Answer::Inserted => format!(
            "Enqueued job {}. See how it goes: lockstep job show {}",
            made.id, made.id
        ),
        answer => format!(
            "Job {} stands for it ({answer}). See it: lockstep job show {}",
            made.id, made.id
        ),
    };
    app.out.done(&words, &made.id.to_string(), &json!(made))?;
    Ok(Exit::Ok)
}

async fn check_kind(session: &Session, kind: &str) -> anyhow::Result<()> {
    let own = session.registry.kinds().into_iter().collect();
    let known = Known::beside(&own, &session.client, &[kind]).await?;
    known.check(kind).map_err(|unknown| {
        Fault::new(Exit::NotFound, unknown.what)
            .why("a job nobody can run would wait for ever; --unknown-kind puts it into the queue all the same")
            .fix(unknown.fix)
            .into()
    })
}

/// Enqueues one job with the audit row that tells of it, unless nothing was changed.
pub(super) async fn put_in(
    app: &App,
    session: &Session,
    job: NewJob,
    change: &Change,
    tell: impl Fn(Enqueued) -> Told,
) -> anyhow::Result<Enqueued> {
    let id = job.id();
    let told = |stood: &[Enqueued]| {
        let is_change = |one: &&Enqueued| !matches!(one.answer, Answer::Existing | Answer::Kept);
        stood.first().filter(is_change).map(|one| tell(*one))
    };
    let stood = audited::enqueue(&session.client, &[job], &asked(app, change), told).await?;
    Ok(stood.into_iter().next().ok_or(engine::Error::NoJob(id))?)
}

fn job_of(app: &App, enqueue: &Enqueue, args: &Value) -> NewJob {
    let mut job = NewJob::new(&enqueue.kind, args).asked_by(app.env.user());
    job = match (enqueue.delay, enqueue.at) {
        (Some(delay), _) => job.when(When::After(delay)),
        (None, Some(at)) => job.when(When::At(at)),
        (None, None) => job,
    };
    if let Some(queue) = &enqueue.queue {
        job = job.queue(queue);
    }
    if let Some(priority) = enqueue.priority {
        job = job.priority(priority);
    }
    if let Some(attempts) = enqueue.max_attempts {
        job = job.max_attempts(attempts);
    }
    if let Some(key) = &enqueue.unique_key {
        let twin = match enqueue.twin {
            TwinRule::Keep => Twin::Keep,
            TwinRule::Replace => Twin::ReplaceArgs,
            TwinRule::Follow => Twin::RunAfter,
        };
        job = job.unique(key, enqueue.scope, twin);
    }
    if let Some(key) = &enqueue.idempotency_key {
        job = job.idempotency_key(key, DAY);
    }
    if let Some(key) = &enqueue.partition_key {
        job = job.partition_key(key);
    }
    let job = enqueue.tag.iter().fold(job, NewJob::tag);
    enqueue.rate_key.iter().fold(job, NewJob::rate_key)
}

async fn wait(app: &App, session: &Session, id: Uuid, timeout: Duration) -> anyhow::Result<Exit> {
    let state = session.client.wait(id, timeout).await?;
    if !state.is_terminal() {
        return Err(Fault::new(
            Exit::Timeout,
            format!("job {id} has not ended in time; it is {state}"),
        )
        .why("it goes on without us")
        .fix(format!("lockstep job show {id}"))
        .into());
    }
    super::job::show(app, session, id).await?;
    Ok(if state == State::Completed {
        Exit::Ok
    } else {
        Exit::JobFailed
    })
}

/// The args: JSON from the word itself, a file, or stdin.
pub(super) fn args(word: &str) -> anyhow::Result<Value> {
    json_of(word, "the args are", "--args '{\"company_id\": 42}'")
}

/// JSON from the word itself, a file, or stdin. `what` begins the fault, as `the args are`.
pub(super) fn json_of(word: &str, what: &str, example: &str) -> anyhow::Result<Value> {
    let text = match word.strip_prefix('@') {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?
        }
        None if word == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        None => word.to_owned(),
    };
    http::json::value(text.as_bytes()).map_err(|problem| {
        let why = problem.detail.clone();
        if problem.flaws.is_empty() {
            Fault::new(Exit::Usage, format!("{what} not JSON"))
                .why(why)
                .fix(format!("quote it for the shell: {example}"))
                .into()
        } else {
            Fault::new(Exit::Usage, format!("{what} not what can be kept"))
                .why(why)
                .into()
        }
    })
}

/// For flags that are durations.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map_err(|_| "expected a number with its unit, as 90s, 10m, 2h, 7d".to_owned())
}

fn scope(word: &str) -> Result<UniqueScope, String> {
    match word {
        "queued" => Ok(UniqueScope::Queued),
        "running" => Ok(UniqueScope::QueuedOrRunning),
        period => duration(period)
            .map(UniqueScope::Period)
            .map_err(|_| "expected queued, running, or a period as 1h".to_owned()),
    }
}
