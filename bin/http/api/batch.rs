//! Jobs that wait for each other: a batch with a finaliser, and a chain. All of a request or nothing of
//! it: half a batch would run its finaliser too early.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Answer, Enqueued, LONGEST_CHAIN, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::DryRun;
use super::enqueue::{LARGEST_BATCH, Stood, known_kinds, signed};
use super::order::Order;
use crate::audited::{self, Told};
use crate::http::extract::{Body, Params};
use crate::http::headers::{IdempotencyKey, Trace};
use crate::http::problem::{BAD_HEADER, Flaw, Problem};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// Jobs, and one that runs once all of them have ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchOrder {
    /// 1 to 1,000, without idempotency keys.
    jobs: Vec<Order>,
    /// Runs once all have ended, however they did. With an `id` of the caller's, the request can be sent
    /// again and gives one batch.
    finaliser: Order,
}

/// Jobs that run one after the other.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainOrder {
    /// 1 to 100, without idempotency keys. With an `id` each, the request can be sent again and gives one
    /// chain.
    jobs: Vec<Order>,
}

/// A batch that was made, or was there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchStood {
    /// The batch.
    id: Uuid,
    /// The job that runs once its jobs have ended: their `parent_id`.
    finaliser_id: Uuid,
    /// Where the finaliser is; its batch is below, at `/flow`.
    href: String,
    /// Jobs in all.
    total: i32,
    /// Not ended.
    pending: i32,
    /// Jobs of others that stand for some, because they hold their unique keys.
    twins: Vec<Uuid>,
    /// True when nothing was enqueued because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// A chain that was made, or was there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChainStood {
    /// Its jobs, in their order.
    data: Vec<Stood>,
}

/// Enqueues jobs and a finaliser that runs once all of them have ended. All or nothing.
#[utoipa::path(
    post, path = "/batches", tag = "jobs", operation_id = "batch_enqueue", request_body = BatchOrder, params(DryRun),
    security(("token" = ["jobs:write"])),
    responses(
        (status = 201, description = "A new batch", body = BatchStood),
        (status = 200, description = "A batch that was there, or a dry run", body = BatchStood),
    )
)]
pub(super) async fn batch(
    State(front): State<FrontState>,
    caller: Caller,
    (key, trace): (IdempotencyKey, Trace),
    Params(dry): Params<DryRun>,
    Body(order): Body<BatchOrder>,
) -> Result<Response, Problem> {
    check_no_key(&key)?;
    let mut flaws = flaws_of_list(order.jobs.len(), LARGEST_BATCH);
    let finaliser = vec![("/finaliser".to_owned(), order.finaliser, true)];
    let listed = order.jobs.into_iter().enumerate();
    let listed = listed.map(|(at, order)| (format!("/jobs/{at}"), order, false));
    let jobs = read(&front, &mut flaws, listed.collect()).await?;
    let last = read(&front, &mut flaws, finaliser).await?.pop();
    let (Some(last), true) = (last, flaws.is_empty()) else {
        return Err(Problem::invalid(flaws));
    };
    let sign = |job| signed(job, &caller, &trace);
    let (jobs, last): (Vec<NewJob>, _) = (jobs.into_iter().map(sign).collect(), sign(last));
    let asked = caller.asked(&dry);
    let (batch, is_new) = audited::enqueue_batch(&front.client, &jobs, &last, &asked).await?;
    let stood = BatchStood {
        id: batch.id,
        finaliser_id: batch.owner_id,
        href: format!("{BASE}/jobs/{}", batch.owner_id),
        total: batch.total,
        pending: batch.pending,
        twins: batch.twins,
        dry_run: dry.dry_run,
    };
    if dry.dry_run || !is_new {
        return Ok(Json(stood).into_response());
    }
    let location = stood.href.parse().map(|href| (LOCATION, href));
    let headers: HeaderMap = location.into_iter().collect();
    Ok((StatusCode::CREATED, headers, Json(stood)).into_response())
}

/// Enqueues jobs that run one after the other, each only if the one before it completed. When one dies or
/// is cancelled, those after it are cancelled. All or nothing.
#[utoipa::path(
    post, path = "/chains", tag = "jobs", operation_id = "chain_enqueue", request_body = ChainOrder, params(DryRun),
    security(("token" = ["jobs:write"])),
    responses(
        (status = 201, description = "A new chain", body = ChainStood),
        (status = 200, description = "A chain that was there, or a dry run", body = ChainStood),
    )
)]
pub(super) async fn chain(
    State(front): State<FrontState>,
    caller: Caller,
    (key, trace): (IdempotencyKey, Trace),
    Params(dry): Params<DryRun>,
    Body(order): Body<ChainOrder>,
) -> Result<Response, Problem> {
    check_no_key(&key)?;
    let mut flaws = flaws_of_list(order.jobs.len(), LONGEST_CHAIN);
    let listed = order.jobs.into_iter().enumerate();
    let listed = listed.map(|(at, order)| (format!("/jobs/{at}"), order, at > 0));
    let jobs = read(&front, &mut flaws, listed.collect()).await?;
    if !flaws.is_empty() {
        return Err(Problem::invalid(flaws));
    }
    let jobs = jobs.into_iter().map(|job| signed(job, &caller, &trace));
    let jobs: Vec<NewJob> = jobs.collect();
    let asked = caller.asked(&dry);
    let stood = audited::enqueue_chain(&front.client, &jobs, &asked, told_of_chain).await?;
    let is_new = stood.iter().any(|one| one.answer == Answer::Inserted);
    let status = match is_new && !dry.dry_run {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let data = stood.into_iter().map(match dry.dry_run {
        true => Stood::would,
        false => Stood::from,
    });
    let data = data.collect();
    Ok((status, Json(ChainStood { data })).into_response())
}

/// What the audit trail is told of a chain: nothing, when it was there.
fn told_of_chain(stood: &[Enqueued]) -> Option<Told> {
    let first = stood.first()?;
    (first.answer == Answer::Inserted).then(|| Told {
        action: "chain.enqueue",
        target: first.id.to_string(),
        detail: json!({"jobs": stood.len()}),
    })
}

/// A key that is not honoured must not look as if it were.
fn check_no_key(key: &IdempotencyKey) -> Result<(), Problem> {
    if key.0.is_none() {
        return Ok(());
    }
    Err(Problem::new(
        BAD_HEADER,
        "Idempotency-Key: not taken here; give the jobs ids of your making (UUIDv7), which do the same",
    ))
}

fn flaws_of_list(length: usize, most: usize) -> Vec<Flaw> {
    if (1..=most).contains(&length) {
        return Vec::new();
    }
    let message = format!("expected 1 to {most}, got {length}");
    vec![Flaw::new("/jobs", message)]
}

/// The jobs of orders with their places; `true` stands by those that wait for others. What is wrong
/// anywhere goes to `flaws`.
async fn read(
    front: &FrontState,
    flaws: &mut Vec<Flaw>,
    orders: Vec<(String, Order, bool)>,
) -> Result<Vec<NewJob>, Problem> {
    let wanted: Vec<&Order> = orders.iter().map(|(_, order, _)| order).collect();
    let known = known_kinds(front, &wanted).await?;
    let mut jobs = Vec::with_capacity(orders.len());
    for (place, order, waits) in orders {
        if order.has_key() {
            let message = "not taken here; give the job an id of your making (UUIDv7)";
            flaws.push(Flaw::new(format!("{place}/idempotency_key"), message));
        }
        if waits && order.is_timed() {
            let message = "it runs when those before it have ended, and takes no time of its own";
            flaws.push(Flaw::new(format!("{place}/run_at"), message));
        }
        match order.job(&known, front.options.idempotency_keep) {
            Ok(job) => jobs.push(job),
            Err(wrong) => flaws.extend(wrong.into_iter().map(|flaw| Flaw {
                pointer: format!("{place}{}", flaw.pointer),
                ..flaw
            })),
        }
    }
    Ok(jobs)
}
