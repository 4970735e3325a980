//! The overview, and rollups: what was done and what is to be done.

use axum::Json;
use axum::extract::State;
use engine::{RollupBy, RollupQuery};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::{Pause, mirror};
use crate::config::parse_duration;
use crate::http::FrontState;
use crate::http::extract::Params;
use crate::http::page::All;
use crate::http::problem::{BAD_PARAMETER, Problem};

mirror! {
    /// The jobs of one queue and kind that have not ended.
    Depth of engine::Depth {
        /// Their lane.
        queue: String,
        /// Their handler.
        kind: String,
        /// Due and not taken.
        available: i64,
        /// Waiting for their time.
        scheduled: i64,
        /// Waiting for their next attempt.
        retrying: i64,
        /// Set aside: for children, a signal, a time.
        waiting: i64,
        /// Under a lease.
        running: i64,
        /// Since when the one that has been due longest is.
        oldest_due_at: Option<Timestamp>,
    }
}

mirror! {
    /// Ended jobs of one queue, kind and state that are on record.
    Total of engine::Total {
        /// Their lane.
        queue: String,
        /// Their handler.
        kind: String,
        /// completed, cancelled or dead.
        state: String,
        /// How many.
        jobs: i64,
    }
}

/// Counts of ends, and the durations of the attempts among them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Figures {
    /// Jobs that ended well.
    completed: i64,
    /// Jobs that were cancelled.
    cancelled: i64,
    /// Jobs that were given up.
    dead: i64,
    /// Attempts that failed: those tried again, those that crashed, and the last of the dead.
    failed: i64,
    /// Attempts that neither failed nor ended their job: snoozed, put off, given back, gone to wait.
    put_back: i64,
    /// The mean duration of the attempts.
    mean_ms: Option<f64>,
    /// Half of the attempts took no longer: an estimate, within a factor of two at the worst.
    p50_ms: Option<f64>,
    /// The longest attempt.
    max_ms: Option<f64>,
}

impl From<engine::Figures> for Figures {
    fn from(of: engine::Figures) -> Figures {
        Figures {
            completed: of.completed,
            cancelled: of.cancelled,
            dead: of.dead,
            failed: of.failed,
            put_back: of.put_back,
            mean_ms: of.mean_ms,
            p50_ms: of.p50_ms,
            max_ms: of.max_ms,
        }
    }
}

/// What ended within one step of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rollup {
    /// Where the step begins.
    at: Timestamp,
    /// Of this queue, when told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// Of this kind, when told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Ended so, when told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Of this connection, when told apart by it; empty for jobs without rate keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(flatten)]
    figures: Figures,
}

impl From<engine::Rollup> for Rollup {
    fn from(of: engine::Rollup) -> Rollup {
        Rollup {
            at: of.at,
            queue: of.queue,
            kind: of.kind,
            state: of.state,
            connection: of.connection,
            figures: of.figures.into(),
        }
    }
}

/// What the last hour brought of one queue and kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Share {
    /// The lane.
    queue: String,
    /// The handler.
    kind: String,
    /// Jobs that were completed, a minute of the last hour.
    completed_per_minute: f64,
    #[serde(flatten)]
    figures: Figures,
}

/// Something somebody has stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paused {
    /// queue, kind or schedule.
    scope: &'static str,
    #[serde(flatten)]
    pause: Pause,
}

/// Everything at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// The database's clock.
    at: Timestamp,
    /// When `depths` were counted: now where there are few jobs, else so rarely that counting takes a
    /// hundredth of the time.
    counted_at: Timestamp,
    /// What waits and runs, by queue and kind.
    depths: Vec<Depth>,
    /// The last hour minute by minute, the running one last; quiet ones too.
    minutes: Vec<Rollup>,
    /// The last hour by queue and kind, the busiest first.
    shares: Vec<Share>,
    /// The last hour as a whole.
    hour: Figures,
    /// What has ended and is on record.
    totals: Vec<Total>,
    /// Dead letters.
    dead: i64,
    /// Worker processes seen within the last minute.
    workers_alive: i64,
    /// What people have stopped.
    pauses: Vec<Paused>,
    /// Connections whose breaker is not closed.
    breakers_open: Vec<String>,
    /// Schedules that should have run and did not.
    schedules_late: Vec<String>,
}

impl From<engine::Overview> for Overview {
    fn from(of: engine::Overview) -> Overview {
        let share = |of: engine::Share| Share {
            queue: of.queue,
            kind: of.kind,
            completed_per_minute: of.completed_per_minute,
            figures: of.figures.into(),
        };
        let paused = |of: engine::Pause| Paused {
            scope: of.scope.as_str(),
            pause: of.into(),
        };
        Overview {
            at: of.at,
            counted_at: of.depths.counted_at,
            depths: of.depths.rows.into_iter().map(Depth::from).collect(),
            minutes: of.minutes.into_iter().map(Rollup::from).collect(),
            shares: of.shares.into_iter().map(share).collect(),
            hour: of.hour.into(),
            totals: of.totals.into_iter().map(Total::from).collect(),
            dead: of.dead,
            workers_alive: of.workers_alive,
            pauses: of.pauses.into_iter().map(paused).collect(),
            breakers_open: of.breakers_open,
            schedules_late: of.schedules_late,
        }
    }
}

/// Shows everything at a glance, at a cost that does not grow with the number of jobs.
#[utoipa::path(
    get, path = "/overview", tag = "operations", operation_id = "overview_show", security(("token" = ["jobs:read"])),
    responses((status = 200, body = Overview))
)]
pub(super) async fn show(State(front): State<FrontState>) -> Result<Json<Overview>, Problem> {
    Ok(Json(front.client.overview().await?.into()))
}

/// Which rollups, and how they are put together.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// From this instant; an hour before `to` unless said.
    from: Option<Timestamp>,
    /// Up to this instant; now unless said.
    to: Option<Timestamp>,
    /// Whole minutes, as 1m, 15m, 1h or 1d; 1m unless said. Steps of whole hours reach back 400 days,
    /// others 7. At most 1,500 steps.
    step: Option<String>,
    /// Told apart by: some of queue, kind, state and connection, with commas between.
    by: Option<String>,
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only what ended so: completed, cancelled, dead, or the outcome of an attempt that did not end its
    /// job, as retry, crashed or snooze.
    state: Option<String>,
    /// Only of this connection: the first rate key of a job.
    connection: Option<String>,
}

/// Lists what ended in each step of a span of time; steps in which nothing did are left out.
#[utoipa::path(
    get, path = "/rollups", tag = "operations", operation_id = "rollup_list", params(Wanted),
    security(("token" = ["jobs:read"])), responses((status = 200, body = All<Rollup>))
)]
pub(super) async fn rollups(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<All<Rollup>>, Problem> {
    let usual = RollupQuery::default();
    let query = RollupQuery {
        from: wanted.from,
        to: wanted.to,
        step: wanted.step.as_deref().map_or(Ok(usual.step), step)?,
        by: by(wanted.by.as_deref().unwrap_or_default())?,
        queue: wanted.queue,
        kind: wanted.kind,
        state: wanted.state,
        connection: wanted.connection,
    };
    let found = front.client.rollups(&query).await?;
    Ok(Json(All {
        data: found.into_iter().map(Rollup::from).collect(),
    }))
}

fn step(text: &str) -> Result<std::time::Duration, Problem> {
    parse_duration(text).map_err(|error| {
        let detail = format!("step: expected a span as 1m, 1h or 1d: {error}");
        Problem::new(BAD_PARAMETER, detail)
    })
}

fn by(text: &str) -> Result<RollupBy, Problem> {
    let mut by = RollupBy::default();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        match word {
            "queue" => by.queue = true,
            "kind" => by.kind = true,
            "state" => by.state = true,
            "connection" => by.connection = true,
            _ => {
                let detail = format!("by: expected queue, kind, state or connection, got {word:?}");
                return Err(Problem::new(BAD_PARAMETER, detail));
            }
        }
    }
    Ok(by)
}
