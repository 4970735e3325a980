//! Enqueue: one job, or up to a thousand with an answer for each.

use axum::Json;
use axum::extract::State;
use axum::http::header::{HeaderMap, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Answer, Enqueued, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::DryRun;
use super::order::Order;
use crate::audited::{self, Asked, Told};
use crate::http::extract::{Body, Params};
use crate::http::headers::{IdempotencyKey, REPLAYED, Trace};
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};
use crate::kinds::Known;

pub(super) const LARGEST_BATCH: usize = 1000;
/// Each key that was used for another request costs one more try of the whole batch.
const MOST_MISMATCHES: usize = 10;

/// The job that stands for a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stood {
    /// The job: the new one, or its twin.
    id: Uuid,
    /// inserted, existing (the same id or idempotency key came before), kept or replaced (a twin
    /// holds the unique key), or follows (a new job after the running twin).
    answer: String,
    /// Where the job is.
    href: String,
    /// True when nothing was enqueued because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

impl From<Enqueued> for Stood {
    fn from(enqueued: Enqueued) -> Stood {
        let href = format!("{BASE}/jobs/{}", enqueued.id);
        Stood {
            id: enqueued.id,
            answer: enqueued.answer.to_string(),
            href,
            dry_run: false,
        }
    }
}

impl Stood {
    /// What a dry run answers.
    pub(super) fn would(enqueued: Enqueued) -> Stood {
        Stood {
            dry_run: true,
            ..Stood::from(enqueued)
        }
    }
}

/// A list of jobs to be enqueued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// 1 to 1,000.
    jobs: Vec<Order>,
}

/// What became of each job of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// In the order of the request.
    data: Vec<Item>,
    /// Jobs that were not there before.
    inserted: usize,
    /// Items that were refused; the others were enqueued all the same.
    refused: usize,
}

/// What became of one job of a batch: `job`, or `errors`.
#[derive(Debug, Serialize, ToSchema)]
struct Item {
    /// Its place in the request.
    index: usize,
    /// The job that stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Stood>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Flaw>,
}

/// The kinds that jobs may be of, as far as they care.
pub(super) async fn known_kinds(front: &FrontState, orders: &[&Order]) -> Result<Known, Problem> {
    let asked = orders.iter().filter(|order| !order.takes_unknown_kind());
    let wanted: Vec<&str> = asked.map(|order| order.kind()).collect();
    Ok(Known::beside(&front.kinds, &front.client, &wanted).await?)
}

/// Enqueues one job.
#[utoipa::path(
    post, path = "/jobs", tag = "jobs", operation_id = "job_enqueue", request_body = Order,
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same job for 24 h")),
    security(("token" = ["jobs:write"])),
    responses((status = 201, description = "A new job", body = Stood), (status = 200, description = "A job that was there", body = Stood))
)]
pub(super) async fn one(
    State(front): State<FrontState>,
    caller: Caller,
    (key, trace): (IdempotencyKey, Trace),
    Params(dry): Params<DryRun>,
    Body(order): Body<Order>,
) -> Result<Response, Problem> {
    let order = order.with_key(key.0);
    let (kind, keyed) = (order.kind().to_owned(), order.has_key());
    let known = known_kinds(&front, &[&order]).await?;
    let job = order
        .job(&known, front.options.idempotency_keep)
        .map_err(Problem::invalid)?;
    let job = signed(job, &caller, &trace);
    let id = job.id();
    let asked = caller.asked(&dry);
    let stood = audited::enqueue(&front.client, &[job], &asked, |stood| told(&kind, stood)).await?;
    let stood = stood.into_iter().next().ok_or(engine::Error::NoJob(id))?;
    Ok(match dry.dry_run {
        true => Json(Stood::would(stood)).into_response(),
        false => answer(stood, keyed),
    })
}

/// What the audit trail is told of one job: nothing, when the request changed nothing.
fn told(kind: &str, stood: &[Enqueued]) -> Option<Told> {
    let changes = |one: &&Enqueued| !matches!(one.answer, Answer::Existing | Answer::Kept);
    stood.first().filter(changes).map(|one| Told {
        action: "job.enqueue",
        target: one.id.to_string(),
        detail: json!({"kind": kind, "answer": one.answer}),
    })
}

pub(super) fn signed(job: NewJob, caller: &Caller, trace: &Trace) -> NewJob {
    let job = job.asked_by(&caller.name);
    match &trace.0 {
        Some(trace) => job.trace_context(trace),
        None => job,
    }
}

fn answer(enqueued: Enqueued, keyed: bool) -> Response {
    let status = if is_new(&enqueued) {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let stood = Stood::from(enqueued);
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::from_str(&stood.href) {
        headers.insert(LOCATION, location);
    }
    if keyed && enqueued.answer == Answer::Existing {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    (status, headers, Json(stood)).into_response()
}

fn is_new(one: &Enqueued) -> bool {
    matches!(one.answer, Answer::Inserted | Answer::Follows)
}

/// Enqueues up to a thousand jobs. Items that cannot be accepted are refused one by one; all others
/// are enqueued together.
#[utoipa::path(
    post, path = "/jobs:batch", tag = "jobs", operation_id = "job_enqueue_batch", request_body = Batch,
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, description = "Stands for a key `<key>/<index>` of each item without one")),
    security(("token" = ["jobs:write"])), responses((status = 200, body = BatchAnswer))
)]
pub(super) async fn batch(
    State(front): State<FrontState>,
    caller: Caller,
    (key, trace): (IdempotencyKey, Trace),
    Params(dry): Params<DryRun>,
    Body(batch): Body<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    if !(1..=LARGEST_BATCH).contains(&batch.jobs.len()) {
        let message = format!("expected 1 to {LARGEST_BATCH}, got {}", batch.jobs.len());
        return Err(Problem::invalid(vec![Flaw::new("/jobs", message)]));
    }
    let known = known_kinds(&front, &batch.jobs.iter().collect::<Vec<_>>()).await?;
    let mut items = Vec::with_capacity(batch.jobs.len());
    let mut wanted = Vec::with_capacity(batch.jobs.len());
    for (index, order) in batch.jobs.into_iter().enumerate() {
        let order = order.with_key(key.0.as_ref().map(|key| format!("{key}/{index}")));
        let key = order.key().map(str::to_owned);
        items.push(Item {
            index,
            job: None,
            errors: Vec::new(),
        });
        match order.job(&known, front.options.idempotency_keep) {
            Ok(job) => wanted.push(Wanted {
                index,
                key,
                job: signed(job, &caller, &trace),
            }),
            Err(flaws) => items[index].errors = flaws,
        }
    }
    let asked = caller.asked(&dry);
    let stood = enqueue_all(&front, wanted, &mut items, &asked).await?;
    let inserted = stood.iter().filter(|(_, one)| is_new(one)).count();
    for (index, enqueued) in stood {
        items[index].job = Some(if dry.dry_run {
            Stood::would(enqueued)
        } else {
            enqueued.into()
        });
    }
    let refused = items.iter().filter(|item| item.job.is_none()).count();
    Ok(Json(BatchAnswer {
        data: items,
        inserted,
        refused,
    }))
}

/// An item on its way to the engine.
struct Wanted {
    index: usize,
    key: Option<String>,
    job: NewJob,
}

/// One transaction for all; when a key was used for another request, one more without its item.
async fn enqueue_all(
    front: &FrontState,
    mut wanted: Vec<Wanted>,
    items: &mut [Item],
    asked: &Asked,
) -> Result<Vec<(usize, Enqueued)>, Problem> {
    for _ in 0..=MOST_MISMATCHES {
        let jobs: Vec<_> = wanted.iter().map(|wanted| wanted.job.clone()).collect();
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let refused = items.len() - jobs.len();
        let told = |stood: &[Enqueued]| told_of_batch(stood, refused);
        let key = match audited::enqueue(&front.client, &jobs, asked, told).await {
            Ok(enqueued) => return Ok(places(&wanted, enqueued)),
            Err(engine::Error::IdempotencyMismatch { key, .. }) => key,
            Err(error) => return Err(error.into()),
        };
        wanted.retain(|wanted| {
            let same = wanted.key.as_deref() == Some(&key);
            if same {
                let message = format!("{key:?} was used for another request");
                let flaw = Flaw {
                    code: "idempotency_mismatch",
                    ..Flaw::new("/idempotency_key", message)
                };
                items[wanted.index].errors.push(flaw);
            }
            !same
        });
    }
    let message = format!(
        "more than {MOST_MISMATCHES} idempotency keys were used for other requests; nothing was enqueued"
    );
    Err(Problem::new(
        crate::http::problem::IDEMPOTENCY_MISMATCH,
        message,
    ))
}

/// What the audit trail is told of a batch: nothing, when it made no job.
fn told_of_batch(stood: &[Enqueued], refused: usize) -> Option<Told> {
    let inserted = stood.iter().filter(|one| is_new(one)).count();
    (inserted > 0).then(|| Told {
        action: "job.enqueue_batch",
        target: "jobs".into(),
        detail: json!({"inserted": inserted, "refused": refused}),
    })
}

fn places(wanted: &[Wanted], enqueued: Vec<Enqueued>) -> Vec<(usize, Enqueued)> {
    wanted
        .iter()
        .map(|wanted| wanted.index)
        .zip(enqueued)
        .collect()
}
