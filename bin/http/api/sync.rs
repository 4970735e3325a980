//! The two paths of the system we replace, with the bodies its callers know, errors included. Behind
//! them is a job like any other: a caller that does not want to wait gets its address.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{LINK, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Answer, Enqueued, JobView, NewJob};
use jobs::connection::ops;
use jobs::soundtrack::CONNECTION;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::DryRun;
use crate::audited::{self, Told};
use crate::http::extract::Params;
use crate::http::headers::{PREFERENCE_APPLIED, Prefer};
use crate::http::page::All;
use crate::http::problem::{Problem, TIMED_OUT};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// What a sync did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Synced {
    /// Zones seen and read.
    #[schema(example = 42)]
    synced: i64,
    /// Zones that could not be read, and companies that failed.
    #[schema(example = 0)]
    errors: i64,
    #[schema(example = "Synced 42 zones with 0 errors")]
    message: String,
}

/// A sync that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GoesOn {
    /// Its job; the same as in Location.
    pub(super) job: Uuid,
    /// How the job stands.
    #[schema(value_type = String)]
    pub(super) state: engine::State,
    pub(super) message: String,
}

/// `?dry_run=true`. Callers of old may say what else they like, as ever.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// Ask Soundtrack, answer every difference field by field, and write nothing.
    #[serde(default)]
    dry_run: bool,
}

/// The error body of these two paths.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    #[schema(example = "Company \"Hilton Pattaya\" has no Soundtrack account ID configured")]
    error: String,
}

fn refused(status: StatusCode, error: impl Into<String>) -> Response {
    (
        status,
        Json(Refused {
            error: error.into(),
        }),
    )
        .into_response()
}

/// Syncs the zones of all companies.
///
/// Waits for the result, as long as the server's bound or `Prefer: wait=…` allows; then, and at once
/// with `Prefer: respond-async`, answers 202 with the job's address. With `dry_run`, answers what a sync of each company
/// would do.
#[utoipa::path(
    post, path = "/zones/sync-all/", tag = "companies", operation_id = "sync_soundtrack_all",
    params(Wish, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, description = "What was done; in a dry run `{\"data\": […]}`, each walk's counts and changes", body = Synced), (status = 202, body = GoesOn))
)]
pub(super) async fn all(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    wish: Result<Params<Wish>, Problem>,
) -> Response {
    let work = async {
        if wish?.0.dry_run {
            let all = jobs::company::with_account(&front.env.pool).await?;
            return plan(&front, &all).await;
        }
        let job = jobs::soundtrack::sync_all_of(&caller.name);
        let asked = Asked {
            front: &front,
            caller: &caller,
            prefer,
            of: None,
        };
        asked.answer(("sync.all", "soundtrack"), job).await
    };
    work.await.unwrap_or_else(|problem| plain(&problem))
}

/// Syncs all zones of a zone's company.
///
/// Waits, and has a dry run, as the sync of all companies does.
#[utoipa::path(
    post, path = "/zones/{zone_id}/sync/", tag = "companies", operation_id = "sync_soundtrack_zone",
    params(("zone_id" = i64, Path), Wish, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses(
        (status = 200, description = "What was done; in a dry run `{\"data\": […]}`, each walk's counts and changes", body = Synced), (status = 202, body = GoesOn),
        (status = 400, description = "The company has no account", body = Refused), (status = 404, description = "No such zone", body = Refused),
    )
)]
pub(super) async fn of_zone(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Path(zone_id): Path<String>,
    wish: Result<Params<Wish>, Problem>,
) -> Response {
    let work = async {
        let Params(wish) = wish?;
        let zone = match zone_id.parse() {
            Ok(id) => jobs::zone::get(&front.env.pool, id).await?,
            Err(_) => None,
        };
        let Some(zone) = zone else {
            return Ok(refused(
                StatusCode::NOT_FOUND,
                format!("Zone {zone_id} not found"),
            ));
        };
        let company = match jobs::company::syncable(&front.env.pool, zone.company_id).await {
            Ok(company) => company,
            Err(error @ jobs::Error::NoAccount { .. }) => {
                return Ok(refused(StatusCode::BAD_REQUEST, error.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        if wish.dry_run {
            return plan(&front, &[company.id]).await;
        }
        let job = jobs::soundtrack::sync_of(company.id, &caller.name);
        let asked = Asked {
            front: &front,
            caller: &caller,
            prefer,
            of: Some(&company.name),
        };
        asked
            .answer(("sync.company", &company.id.to_string()), job)
            .await
    };
    work.await.unwrap_or_else(|problem| plain(&problem))
}

/// What syncs of these companies would do.
async fn plan(front: &FrontState, companies: &[i64]) -> Result<Response, Problem> {
    let walks = async {
        let mut plans = Vec::new();
        for id in companies {
            plans.push(jobs::soundtrack::preview(&front.env, *id).await?);
        }
        Ok::<_, jobs::Error>(plans)
    };
    told_in_time(front, walks, "lockstep sync soundtrack --dry-run").await
}

/// The answer of a dry run. It is bounded as a wait is: what takes longer is for the command line.
pub(super) async fn told_in_time<T: Serialize>(
    front: &FrontState,
    walks: impl Future<Output = Result<Vec<T>, jobs::Error>>,
    elsewhere: &str,
) -> Result<Response, Problem> {
    match tokio::time::timeout(front.options.sync_wait, walks).await {
        Ok(plans) => Ok(Json(All { data: plans? }).into_response()),
        Err(_) => Err(Problem::new(
            TIMED_OUT,
            format!("it takes too long for a dry run over HTTP: {elsewhere}"),
        )),
    }
}

/// A problem in the words of these paths.
fn plain(problem: &Problem) -> Response {
    let status = problem.status();
    if let Some(causes) = &problem.causes {
        tracing::error!("could not start or await a sync: {causes}");
    }
    let mut response = refused(status, &problem.detail);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(
            axum::http::header::RETRY_AFTER,
            HeaderValue::from_static("5"),
        );
    }
    response
}

/// One call on these paths.
struct Asked<'a> {
    front: &'a FrontState,
    caller: &'a Caller,
    prefer: Prefer,
    /// The company, when it is one.
    of: Option<&'a str>,
}

impl Asked<'_> {
    async fn answer(&self, what: (&'static str, &str), job: NewJob) -> Result<Response, Problem> {
        let enqueued = self.enqueue(what, job).await?;
        let bound = self.front.options.sync_wait;
        let held = held(self.front, &[CONNECTION.to_owned()]).await;
        let wait = if self.prefer.respond_async || held.is_some() {
            Duration::ZERO
        } else {
            self.prefer.wait.unwrap_or(bound).min(bound)
        };
        let state = self.front.client.wait(enqueued.id, wait).await?;
        let mut response = if state.is_terminal() && !self.prefer.respond_async {
            let job = self
                .front
                .client
                .job(enqueued.id)
                .await?
                .ok_or(engine::Error::NoJob(enqueued.id))?;
            self.ended(&job)
        } else {
            let message = match held {
                Some(why) => format!("Sync waits as job {}: {why}", enqueued.id),
                None => format!("Sync goes on as job {}", enqueued.id),
            };
            (
                StatusCode::ACCEPTED,
                Json(GoesOn {
                    job: enqueued.id,
                    state,
                    message,
                }),
            )
                .into_response()
        };
        self.address(response.headers_mut(), enqueued.id);
        Ok(response)
    }

    async fn enqueue(
        &self,
        (action, target): (&'static str, &str),
        job: NewJob,
    ) -> Result<Enqueued, Problem> {
        let id = job.id();
        let told = |stood: &[Enqueued]| {
            let is_new = stood.iter().any(|one| one.answer == Answer::Inserted);
            is_new.then(|| Told {
                action,
                target: target.to_owned(),
                detail: json!({"job": id}),
            })
        };
        let by = self.caller.asked(&DryRun::default());
        let stood = audited::enqueue(&self.front.client, &[job], &by, told).await?;
        Ok(stood.into_iter().next().ok_or(engine::Error::NoJob(id))?)
    }

    /// A job that died or was cancelled is one error: the sync was not done, and says so in the words
    /// that callers count.
    fn ended(&self, job: &JobView) -> Response {
        let number = |name: &str| {
            job.result
                .as_ref()
                .and_then(|result| result.get(name))
                .and_then(Value::as_i64)
        };
        let (synced, errors) = match job.state {
            engine::State::Completed => {
                (number("synced").unwrap_or(0), number("errors").unwrap_or(0))
            }
            _ => (0, 1),
        };
        let of = self
            .of
            .map(|name| format!(" for {name}"))
            .unwrap_or_default();
        let message = format!("Synced {synced} zones{of} with {errors} errors");
        Json(Synced {
            synced,
            errors,
            message,
        })
        .into_response()
    }

    fn address(&self, headers: &mut HeaderMap, id: Uuid) {
        let path = format!("{BASE}/jobs/{id}");
        if let (Ok(location), Ok(link)) = (
            path.parse(),
            format!("<{path}>; rel=\"describedby\"").parse(),
        ) {
            headers.insert(LOCATION, location);
            headers.insert(LINK, link);
        }
        if self.prefer.respond_async {
            headers.insert(
                PREFERENCE_APPLIED,
                HeaderValue::from_static("respond-async"),
            );
        } else if let Some(Ok(wait)) = self
            .prefer
            .wait
            .map(|wait| format!("wait={}", wait.as_secs()).parse())
        {
            headers.insert(PREFERENCE_APPLIED, wait);
        }
    }
}

/// What only a person can end, and no caller should wait for: all of the connections are held. Unknown is not
/// held.
pub(super) async fn held(front: &FrontState, over: &[String]) -> Option<String> {
    let held = ops::held(&front.env.connections, over).await.ok()?;
    let first = held.first().filter(|_| held.len() == over.len())?;
    Some(format!("{} is {}", first.name, first.state.as_str()))
}
