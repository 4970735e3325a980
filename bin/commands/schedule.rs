//! `lockstep schedule`: what recurs, when it ran and what came of it.

use clap::{Args, Subcommand};
use engine::{Cursor, PauseScope, ScheduleView, TickView};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::dry;
use super::job::list::more;
use super::pause::{self, Subject, unknown};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::{Exit, Row, instant, instant_or_dash, long, span_between};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// List schedules with their next and last runs
    #[command(
        before_help = "Examples:\n  lockstep schedule list",
        visible_alias = "ls"
    )]
    List,
    /// Show one schedule with its next five runs, in its zone and in UTC
    #[command(before_help = "Examples:\n  lockstep schedule show zones-nightly")]
    Show(Name),
    /// List the runs of a schedule, newest first
    #[command(
        before_help = "Examples:\n  lockstep schedule history zones-nightly --limit 5",
        visible_alias = "ticks"
    )]
    History(History),
    /// Run its job now; its next run stays where it is
    #[command(
        before_help = "Examples:\n  lockstep schedule run zones-nightly --reason 'the remote is back'"
    )]
    Run(Named),
    /// Skip its runs until it is resumed
    #[command(
        before_help = "Examples:\n  lockstep schedule pause zones-nightly --reason 'maintenance at the vendor'"
    )]
    Pause(Named),
    /// Let it run again
    #[command(before_help = "Examples:\n  lockstep schedule resume zones-nightly")]
    Resume(Named),
}

/// One schedule.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The schedule
    name: String,
}

/// One schedule and how far back.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The schedule
    name: String,
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<Cursor<bool>>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One schedule to change.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The schedule
    name: String,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, schedule: Schedule) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match schedule {
        Schedule::List => list(app, &session).await,
        Schedule::Show(one) => show(app, &session, &one.name).await,
        Schedule::History(one) => history(app, &session, &one).await,
        Schedule::Run(named) => run_now(app, &session, &named).await,
        Schedule::Pause(named) => match known(&session, &named.name).await {
            Ok(view) => pause::pause(app, &session, &subject(&view), &named.change).await,
            Err(error) => Err(error),
        },
        Schedule::Resume(named) => match known(&session, &named.name).await {
            Ok(view) => pause::resume(app, &session, &subject(&view), &named.change).await,
            Err(error) => Err(error),
        },
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session) -> anyhow::Result<()> {
    let schedules = session.client.schedules().await?;
    let nothing = "No schedules. Write them into workers.toml as [[schedule]]; `lockstep serve` declares them.";
    app.out.list(&schedules, nothing)?;
    if let Some(first) = schedules.first() {
        app.out.next(&format!(
            "Its next runs: lockstep schedule show {}",
            first.schedule.name
        ));
    }
    Ok(())
}

async fn known(session: &Session, name: &str) -> anyhow::Result<ScheduleView> {
    let schedules = session.client.schedules().await?;
    let names: Vec<String> = schedules
        .iter()
        .map(|view| view.schedule.name.clone())
        .collect();
    schedules
        .into_iter()
        .find(|view| view.schedule.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            unknown("schedule", name, &names).into()
        })
}

async fn show(app: &App, session: &Session, name: &str) -> anyhow::Result<()> {
    let view = known(session, name).await?;
    let next: Vec<NextRun> = next_runs(&view)?;
    app.out.item(&Whole { next, view })?;
    app.out
        .next(&format!("Its past runs: lockstep schedule history {name}"));
    Ok(())
}

/// Counted from the next tick that the database decided on: this machine's clock has no say.
fn next_runs(view: &ScheduleView) -> anyhow::Result<Vec<NextRun>> {
    let Some(first) = view.next_at else {
        return Ok(Vec::new());
    };
    let just_before = first - jiff::SignedDuration::from_secs(1);
    let ticks = view.schedule.next(just_before, 5)?;
    let runs = ticks.into_iter().map(|tick| NextRun {
        at: tick.at,
        local: tick.local.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
    });
    Ok(runs.collect())
}

async fn history(app: &App, session: &Session, one: &History) -> anyhow::Result<()> {
    let before = one.before.as_ref();
    let page = session.client.ticks(&one.name, before, one.limit).await?;
    app.out.list(&page.data, "It has not run yet.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn run_now(app: &App, session: &Session, named: &Named) -> anyhow::Result<()> {
    let view = known(session, &named.name).await?;
    let (name, kind) = (&view.schedule.name, &view.schedule.kind);
    if dry(
        app,
        &named.change,
        &format!("enqueue {kind} for schedule {name} now"),
    )? {
        return Ok(());
    }
    let actor = app.actor_of(&named.change);
    let made = session.client.run_schedule_now(name, &actor).await?;
    let words = format!(
        "Enqueued job {} for schedule {name}. See how it goes: lockstep job show {}",
        made.id, made.id
    );
    app.out.done(&words, &made.id.to_string(), &json!(made))?;
    Ok(())
}

fn subject(view: &ScheduleView) -> Subject<'_> {
    let name = &view.schedule.name;
    Subject {
        scope: PauseScope::Schedule,
        name,
        holds: String::new(),
        next: format!("Next runs: lockstep schedule show {name}"),
    }
}

impl Row for ScheduleView {
    const COLUMNS: &'static [&'static str] = &[
        "SCHEDULE",
        "CRON",
        "ZONE",
        "KIND",
        "NEXT",
        "LAST",
        "LAST_STATE",
    ];

    fn cells(&self) -> Vec<String> {
        let schedule = &self.schedule;
        let next = if self.pause.is_some() {
            "paused".to_owned()
        } else {
            instant_or_dash(self.next_at)
        };
        let last = self.last_tick.as_ref();
        vec![
            schedule.name.clone(),
            schedule.cron.clone(),
            schedule.time_zone.clone(),
            schedule.kind.clone(),
            next,
            instant_or_dash(last.map(|tick| tick.tick_at)),
            last.map_or_else(|| "-".to_owned(), stands),
        ]
    }

    fn name(&self) -> String {
        self.schedule.name.clone()
    }
}

/// The job's state, or why there is no job.
fn stands(tick: &TickView) -> String {
    tick.state
        .map_or_else(|| tick.decision.clone(), |state| state.to_string())
}

impl Row for TickView {
    const COLUMNS: &'static [&'static str] =
        &["DUE", "BY", "STATE", "STARTED", "TOOK", "JOB", "RESULT"];

    fn cells(&self) -> Vec<String> {
        let took = self
            .started_at
            .zip(self.ended_at)
            .map(|(start, end)| span_between(start, end));
        let came = self
            .error
            .clone()
            .or_else(|| self.result.as_ref().map(Value::to_string));
        vec![
            instant(self.tick_at),
            if self.manual { "person" } else { "clock" }.to_owned(),
            stands(self),
            instant_or_dash(self.started_at),
            took.unwrap_or_else(|| "-".into()),
            self.job_id.map_or_else(|| "-".into(), |id| id.to_string()),
            came.map_or_else(|| "-".into(), |text| long(&text, 80)),
        ]
    }

    fn name(&self) -> String {
        self.job_id
            .map_or_else(|| instant(self.tick_at), |id| id.to_string())
    }
}

#[derive(serde::Serialize)]
struct NextRun {
    at: Timestamp,
    local: String,
}

#[derive(serde::Serialize)]
struct Whole {
    #[serde(flatten)]
    view: ScheduleView,
    next: Vec<NextRun>,
}

impl Row for Whole {
    const COLUMNS: &'static [&'static str] = ScheduleView::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.view.cells()
    }

    fn name(&self) -> String {
        self.view.name()
    }

    fn details(&self) -> Vec<(String, String)> {
        let schedule = &self.view.schedule;
        let mut pairs = super::job::Pairs(Vec::new());
        pairs.add("schedule", Some(&schedule.name));
        pairs.add(
            "cron",
            Some(format!("{} ({})", schedule.cron, schedule.time_zone)),
        );
        pairs.add("kind", Some(&schedule.kind));
        pairs.add("args", Some(&schedule.args));
        pairs.add("queue", schedule.queue.as_ref());
        pairs.add("catch up", word(&schedule.catch_up));
        pairs.add("overlap", word(&schedule.overlap));
        if let Some(pause) = &self.view.pause {
            let why = pause.reason.as_deref().unwrap_or("no reason given");
            pairs.add(
                "paused",
                Some(format!(
                    "{} by {}: {why}",
                    instant(pause.paused_at),
                    pause.paused_by
                )),
            );
        }
        if let Some(last) = &self.view.last_tick {
            pairs.add(
                "last run",
                Some(format!("{} {}", instant(last.tick_at), stands(last))),
            );
        }
        let next: Vec<String> = self
            .next
            .iter()
            .map(|run| format!("{}   {}", run.local, instant(run.at)))
            .collect();
        pairs.add("next runs", (!next.is_empty()).then(|| next.join("\n")));
        pairs.0
    }
}

fn word<T: serde::Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value)
        .ok()?
        .as_str()
        .map(str::to_owned)
}
