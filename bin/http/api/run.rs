//! Runs: what each sync of a listing did.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::run::{self, Filter, Mode, Partition, Run, Status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, Problem};

/// What one sync of a listing did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SyncRun {
    /// Its id.
    id: i64,
    /// What was listed.
    #[schema(example = "zoho.products")]
    stream: String,
    /// The company, where the listing is one company's.
    company_id: Option<i64>,
    /// The connection, where the listing is a whole connection's.
    connection: Option<String>,
    /// all, changed or chosen: how much of the listing was asked for.
    #[schema(value_type = String)]
    mode: Mode,
    /// What was asked for was modified after it, by the remote's clock.
    since_at: Option<Timestamp>,
    /// The job that has it, or had it last.
    job_id: Uuid,
    /// running, succeeded, partial, held or failed.
    #[schema(value_type = String)]
    status: Status,
    /// Walks begun: a first one drifted, or its gaps were confirmed by another.
    walks: i16,
    /// Pages applied, of all walks.
    pages: i32,
    /// Records that answers had: the sum of the next ten.
    fetched: i32,
    /// Rows made.
    created: i32,
    /// Rows written since their content changed.
    updated: i32,
    /// Rows not touched.
    unchanged: i32,
    /// Rows not touched, since the answer was older than what is stored.
    stale: i32,
    /// Rows that had been marked as gone.
    revived: i32,
    /// Rows that a person had made and that took over a remote id.
    adopted: i32,
    /// Records that an earlier page of the run named already.
    duplicate: i32,
    /// Records that could not be read.
    quarantined: i32,
    /// Records that could not be read, and that a person has said to ignore.
    ignored: i32,
    /// Records that were asked for by id and that the remote has no more.
    gone: i32,
    /// Rows marked as gone.
    orphaned: i32,
    /// Rows that were missing and not marked, since that was held.
    held: i32,
    /// How the sweep ended: nothing, swept, held_empty, held_large, scope_changed or unproven.
    sweep: Option<String>,
    /// The stable word of what ended a failed run.
    code: Option<String>,
    /// What ended it, in words.
    error: Option<String>,
    /// When it began.
    started_at: Timestamp,
    /// Its last sign of life.
    touched_at: Timestamp,
    /// When it ended.
    ended_at: Option<Timestamp>,
}

impl From<Run> for SyncRun {
    fn from(of: Run) -> SyncRun {
        let counters = of.counters;
        SyncRun {
            id: of.id,
            stream: of.stream,
            company_id: of.company_id,
            connection: of.connection,
            mode: of.mode,
            since_at: of.since_at,
            job_id: of.job_id,
            status: of.status,
            walks: of.walks,
            pages: of.pages,
            fetched: counters.fetched,
            created: counters.created,
            updated: counters.updated,
            unchanged: counters.unchanged,
            stale: counters.stale,
            revived: counters.revived,
            adopted: counters.adopted,
            duplicate: counters.duplicate,
            quarantined: counters.quarantined,
            ignored: counters.ignored,
            gone: counters.gone,
            orphaned: of.orphaned,
            held: of.held,
            sweep: of.sweep,
            code: of.code,
            error: of.error,
            started_at: of.started_at,
            touched_at: of.touched_at,
            ended_at: of.ended_at,
        }
    }
}

/// Which runs to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this stream, as zoho.products.
    stream: Option<String>,
    /// Of this company's listing; not with connection.
    company_id: Option<i64>,
    /// Of this connection's listing, as zoho/10234695.
    connection: Option<String>,
    /// running, succeeded, partial, held or failed.
    status: Option<String>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Lists runs of all syncs, newest first.
#[utoipa::path(
    get, path = "/runs", tag = "syncs", operation_id = "run_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<SyncRun>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<SyncRun>>), Problem> {
    const PATH: &str = "/runs";
    let limit = page::check_limit(wanted.limit)?;
    let company = wanted.company_id.map(|id| id.to_string());
    let said: Vec<_> = [
        ("stream", wanted.stream.as_deref()),
        ("company_id", company.as_deref()),
        ("connection", wanted.connection.as_deref()),
        ("status", wanted.status.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let cursor = wanted.cursor.as_deref();
    let filter = Filter {
        stream: wanted.stream.clone(),
        partition: whose(wanted.company_id, wanted.connection.as_deref())?,
        status: wanted.status.as_deref().map(read_status).transpose()?,
        before: cursor
            .map(|cursor| page::open(PATH, cursor, &said))
            .transpose()?,
    };
    let found = run::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(SyncRun::from).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

/// Shows what one sync of a listing did.
#[utoipa::path(
    get, path = "/runs/{id}", tag = "syncs", operation_id = "run_show", params(("id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = SyncRun))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<SyncRun>, Problem> {
    Ok(Json(run::get(&front.env.pool, id).await?.into()))
}

fn whose(company_id: Option<i64>, connection: Option<&str>) -> Result<Option<Partition>, Problem> {
    match (company_id, connection) {
        (Some(_), Some(_)) => Err(Problem::new(
            BAD_PARAMETER,
            "a run is of a company or of a connection: say one of company_id and connection",
        )),
        (Some(id), None) => Ok(Some(Partition::Company(id))),
        (None, Some(name)) => Ok(Some(Partition::Connection(name.to_owned()))),
        (None, None) => Ok(None),
    }
}

fn read_status(word: &str) -> Result<Status, Problem> {
    let known = Status::ALL.map(Status::as_str).join(", ");
    let unknown = || format!("status: {word:?} is none of {known}");
    Status::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, unknown()))
}
