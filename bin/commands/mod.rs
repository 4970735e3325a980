//! What each command does: one file a noun.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod bulk;
pub(crate) mod check;
pub(crate) mod company;
pub(crate) mod completions;
pub(crate) mod conflict;
pub(crate) mod connection;
pub(crate) mod credential;
pub(crate) mod db;
pub(crate) mod dead;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enqueue;
pub(crate) mod job;
pub(crate) mod journal;
pub(crate) mod kind;
pub(crate) mod mapping;
pub(crate) mod migrate;
pub(crate) mod overview;
pub(crate) mod partition;
mod pause;
pub(crate) mod product;
pub(crate) mod profile;
pub(crate) mod quarantine;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod review;
pub(crate) mod rollup;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod sweep;
pub(crate) mod sync;
pub(crate) mod token;
pub(crate) mod version;
pub(crate) mod worker;
pub(crate) mod zone;

use std::io::{IsTerminal, Write};

use uuid::Uuid;

use crate::app::App;
use crate::audited::Asked;
use crate::cli::{Change, Command};
use crate::output::{Exit, Fault};

/// An id as an argument.
fn id(text: &str) -> Result<Uuid, String> {
    let expected = "expected an id, as 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";
    text.parse().map_err(|_| expected.to_owned())
}

/// Does what the line says.
pub(crate) async fn run(app: &App, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(it) => Box::pin(demo::run(app, it)).await,
        Command::Serve(it) => Box::pin(serve::serve(app, it)).await,
        Command::Work(it) => Box::pin(serve::work(app, it)).await,
        Command::Migrate(it) => migrate::run(app, it).await,
        Command::Check(it) => check::run(app, &it),
        Command::Doctor(it) => Box::pin(doctor::run(app, it)).await,
        Command::Enqueue(it) => Box::pin(enqueue::run(app, it)).await,
        Command::Overview => Box::pin(overview::run(app)).await,
        Command::Rollup(it) => Box::pin(rollup::run(app, it)).await,
        Command::Job(it) => Box::pin(job::run(app, it)).await,
        Command::Dead(it) => Box::pin(dead::run(app, it)).await,
        Command::Bulk(it) => Box::pin(bulk::run(app, it)).await,
        Command::Queue(it) => Box::pin(queue::run(app, it)).await,
        Command::Kind(it) => Box::pin(kind::run(app, it)).await,
        Command::Budget(it) => Box::pin(budget::run(app, it)).await,
        Command::Breaker(it) => Box::pin(breaker::run(app, it)).await,
        Command::Connection(it) => Box::pin(connection::run(app, it)).await,
        Command::Credential(it) => Box::pin(credential::run(app, it)).await,
        Command::Partition(it) => Box::pin(partition::run(app, it)).await,
        Command::Schedule(it) => Box::pin(schedule::run(app, it)).await,
        Command::Company(it) => Box::pin(company::run(app, it)).await,
        Command::Zone(it) => Box::pin(zone::run(app, it)).await,
        Command::Product(it) => Box::pin(product::run(app, it)).await,
        Command::Profile(it) => Box::pin(profile::run(app, it)).await,
        Command::Review(it) => Box::pin(review::run(app, it)).await,
        Command::Record(it) => Box::pin(record::run(app, it)).await,
        Command::Conflict(it) => Box::pin(conflict::run(app, it)).await,
        Command::Journal(it) => Box::pin(journal::run(app, it)).await,
        Command::Mapping(it) => Box::pin(mapping::run(app, it)).await,
        Command::Quarantine(it) => Box::pin(quarantine::run(app, it)).await,
        Command::Run(it) => Box::pin(run::run(app, it)).await,
        Command::Sweep(it) => Box::pin(sweep::run(app, it)).await,
        Command::Sync(it) => Box::pin(sync::run(app, it)).await,
        Command::Worker(it) => Box::pin(worker::run(app, it)).await,
        Command::Db(it) => Box::pin(db::run(app, it)).await,
        Command::Token(it) => Box::pin(token::run(app, it)).await,
        Command::Audit(it) => Box::pin(audit::run(app, it)).await,
        Command::Bench(it) => Box::pin(bench::run(app, it)).await,
        Command::Completions(it) => completions::run(app, &it),
        Command::Version(it) => version::run(app, &it),
    }
}

/// A change that the person at the keyboard asks for.
pub(crate) fn asked(app: &App, change: &Change) -> Asked {
    Asked {
        by: app.actor(),
        aside: change.reason.clone().map(|reason| ("reason", reason)),
        dry_run: change.dry_run,
    }
}

/// True when the change may go ahead. A dry run says what would change; a person is asked before
/// something that cannot be undone; a script must have said `--yes`.
pub(crate) fn may(app: &App, change: &Change, what: &str) -> anyhow::Result<bool> {
    if dry(app, change, what)? {
        return Ok(false);
    }
    if change.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(
            Exit::Usage,
            format!("not done without being asked to: {what}"),
        )
        .why("this cannot be undone, and nobody is here to confirm it")
        .fix("add --yes, or look first with --dry-run")
        .into());
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{}? [y/N] ", crate::output::clean(what))?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(true);
    }
    app.out.note("Nothing was changed.");
    Ok(false)
}

/// True, and said so, when this is a dry run.
pub(crate) fn dry(app: &App, change: &Change, what: &str) -> anyhow::Result<bool> {
    if change.dry_run {
        let value = serde_json::json!({ "dry_run": true, "would": what });
        app.out
            .done(&format!("Would {what}. Nothing was changed."), what, &value)?;
    }
    Ok(change.dry_run)
}

/// Does the same to many. One alone fails as itself; of many, the failures are told one by one and
/// the program ends with [`Exit::Partial`].
pub(crate) async fn each<T, F>(app: &App, all: &[T], mut act: F) -> anyhow::Result<Exit>
where
    T: Copy + std::fmt::Display,
    F: AsyncFnMut(T) -> anyhow::Result<()>,
{
    if let [one] = all {
        act(*one).await?;
        return Ok(Exit::Ok);
    }
    let mut failed = 0;
    for one in all {
        if let Err(error) = act(*one).await {
            failed += 1;
            Fault::of(&error).report(&app.out);
        }
    }
    if failed == 0 {
        return Ok(Exit::Ok);
    }
    app.out.note(&format!("{failed} of {} failed", all.len()));
    Ok(Exit::Partial)
}
