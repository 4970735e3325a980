//! Syncs of Zoho's products: all items, what changed, or some by their ids; and how the last one went.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use connectors::reach::Service;
use engine::{Answer, Enqueued, JobView, NewJob};
use jiff::Timestamp;
use jobs::connection::{CredentialStatus, ops};
use jobs::run::{self, Partition};
use jobs::zoho::{SyncProducts, preview, sync_all_of, sync_items_of, sync_of};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::DryRun;
use super::run::SyncRun;
use super::sync::{held, told_in_time};
use crate::audited::{self, Told};
use crate::http::extract::{MaybeBody, Params};
use crate::http::headers::Prefer;
use crate::http::page::All;
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// What to sync. Nothing said is all items of all organisations.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only the organisation of this connection.
    #[schema(example = "zoho/10234695")]
    connection: Option<String>,
    /// Only these items, by their ids at Zoho; 1,000 at the most. Needs a connection, where there are several.
    #[serde(default)]
    items: Vec<String>,
    /// Only what was modified since last time. What is gone is not noticed.
    #[serde(default)]
    changed: bool,
}

/// What a sync did, in the words of the system that is replaced.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Synced {
    /// Items that were seen, those that failed among them.
    #[schema(example = 120)]
    total: i64,
    /// Products made.
    created: i64,
    /// Products that were changed.
    updated: i64,
    /// Items that could not be read, and organisations that failed.
    failed: i64,
    /// The first of them in words, 20 at the most.
    errors: Vec<String>,
}

/// A sync that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GoesOn {
    /// Its job; the same as in Location.
    job: Uuid,
    /// How the job stands.
    #[schema(value_type = String)]
    state: engine::State,
    message: String,
}

/// How an organisation's sync stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ZohoStatus {
    /// The connection.
    connection: String,
    /// valid, expired or none: the access token, which is renewed when it is needed.
    token: &'static str,
    /// When it runs out.
    token_expires_at: Option<Timestamp>,
    /// active, paused, needs_reauthorisation.
    state: &'static str,
    /// The newest run, if there was one.
    last_run: Option<SyncRun>,
}

/// Syncs products from Zoho.
///
/// Waits for the result, as long as the server's bound or `Prefer: wait=…` allows; then, and at once with
/// `Prefer: respond-async`, answers 202 with the job's address. With `dry_run`, asks Zoho and answers every
/// difference, field by field, and writes nothing.
#[utoipa::path(
    post, path = "/products/sync", tag = "syncs", operation_id = "sync_zoho", request_body = Option<Wanted>,
    params(DryRun, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, description = "What was done; in a dry run `{\"data\": […]}`, each walk's counts and changes", body = Synced), (status = 202, body = GoesOn))
)]
pub(super) async fn sync(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Params(dry): Params<DryRun>,
    MaybeBody(wanted): MaybeBody<Wanted>,
) -> Result<Response, Problem> {
    let names = organisations(&front);
    let one = one_of(&front, &wanted, &names)?;
    front.env.connections.declare().await?;
    if dry.dry_run {
        return plan(
            &front,
            &wanted,
            one.as_ref().map_or(&names[..], std::slice::from_ref),
        )
        .await;
    }
    let job = job(&wanted, one.as_deref(), &caller.name);
    let over = one.as_ref().map_or(&names[..], std::slice::from_ref);
    let held = held(&front, over).await;
    let target = one.clone().unwrap_or_else(|| "zoho".into());
    let enqueued = enqueue(&front, &caller, job, (&target, &wanted)).await?;
    let bound = front.options.sync_wait;
    let wait = match prefer.respond_async || held.is_some() {
        true => Duration::ZERO,
        false => prefer.wait.unwrap_or(bound).min(bound),
    };
    let state = front.client.wait(enqueued.id, wait).await?;
    let ended = (state.is_terminal() && !prefer.respond_async).then_some(enqueued.id);
    let mut response = match ended {
        Some(id) => {
            let job = front.client.job(id).await?;
            let job = job.ok_or(engine::Error::NoJob(id))?;
            Json(of_job(&job)).into_response()
        }
        None => {
            let message = match held {
                Some(why) => format!("Sync waits as job {}: {why}", enqueued.id),
                None => format!("Sync goes on as job {}", enqueued.id),
            };
            let goes_on = GoesOn {
                job: enqueued.id,
                state,
                message,
            };
            (StatusCode::ACCEPTED, Json(goes_on)).into_response()
        }
    };
    if let Ok(path) = HeaderValue::from_str(&format!("{BASE}/jobs/{}", enqueued.id)) {
        response.headers_mut().insert(LOCATION, path);
    }
    Ok(response)
}

fn organisations(front: &FrontState) -> Vec<String> {
    let declared = front.env.connections.declared().iter();
    let zoho = declared.filter(|one| one.service == Service::Zoho);
    zoho.map(|one| one.name.clone()).collect()
}

fn one_of(
    front: &FrontState,
    wanted: &Wanted,
    names: &[String],
) -> Result<Option<String>, Problem> {
    let flaw = |pointer: &str, message: &str| Problem::invalid(vec![Flaw::new(pointer, message)]);
    match (&wanted.connection, names) {
        (Some(name), _) => Ok(Some(front.env.connections.find(name)?.name.clone())),
        (None, [only]) => Ok(Some(only.clone())),
        (None, []) => Err(flaw(
            "/connection",
            "no Zoho connection is declared in workers.toml",
        )),
        (None, _) if !wanted.items.is_empty() => Err(flaw(
            "/connection",
            "expected one: there are several organisations",
        )),
        (None, _) => Ok(None),
    }
}

fn job(wanted: &Wanted, one: Option<&str>, by: &str) -> NewJob {
    match one {
        None => sync_all_of(wanted.changed, by),
        Some(name) if wanted.items.is_empty() => sync_of(name, wanted.changed, by),
        Some(name) => sync_items_of(name, wanted.items.clone(), by),
    }
}

async fn enqueue(
    front: &FrontState,
    caller: &Caller,
    job: NewJob,
    (target, wanted): (&str, &Wanted),
) -> Result<Enqueued, Problem> {
    let id = job.id();
    let told = |stood: &[Enqueued]| {
        let is_new = stood.iter().any(|one| one.answer == Answer::Inserted);
        is_new.then(|| Told {
            action: "sync.zoho",
            target: target.to_owned(),
            detail: json!({"job": id, "items": wanted.items.len(), "changed": wanted.changed}),
        })
    };
    let asked = caller.asked(&DryRun::default());
    let stood = audited::enqueue(&front.client, &[job], &asked, told).await?;
    Ok(stood.into_iter().next().ok_or(engine::Error::NoJob(id))?)
}

async fn plan(front: &FrontState, wanted: &Wanted, names: &[String]) -> Result<Response, Problem> {
    let walks = async {
        let mut plans = Vec::new();
        for name in names {
            let sync = SyncProducts {
                connection: name.clone(),
                items: wanted.items.clone(),
                changed: wanted.changed,
            };
            plans.push(preview(&front.env, &sync).await?);
        }
        Ok::<_, jobs::Error>(plans)
    };
    told_in_time(front, walks, "lockstep sync zoho --dry-run").await
}

/// A job that died or was cancelled is one error.
fn of_job(job: &JobView) -> Synced {
    let result = job.result.as_ref();
    let number = |name: &str| {
        let found = result.and_then(|result| result.get(name));
        found.and_then(Value::as_i64).unwrap_or(0)
    };
    if job.state != engine::State::Completed {
        let code = job.code.as_deref().unwrap_or("cancelled");
        return Synced {
            failed: 1,
            errors: vec![format!("The sync was not done: {code}")],
            ..Synced::default()
        };
    }
    let errors = result.and_then(|result| result.get("errors"));
    let errors = errors.and_then(Value::as_array).into_iter().flatten();
    Synced {
        total: number("total"),
        created: number("created"),
        updated: number("updated"),
        failed: number("failed"),
        errors: errors
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
    }
}

/// Shows how the sync of each organisation stands: its token, and its newest run.
#[utoipa::path(
    get, path = "/products/sync", tag = "syncs", operation_id = "sync_zoho_status",
    security(("token" = ["companies:read"])), responses((status = 200, body = All<ZohoStatus>))
)]
pub(super) async fn status(
    State(front): State<FrontState>,
) -> Result<Json<All<ZohoStatus>>, Problem> {
    let mut data = Vec::new();
    for name in organisations(&front) {
        let view = ops::show(&front.env.connections, &name).await?;
        let partition = Partition::Connection(name.clone());
        let token = match view.credential {
            CredentialStatus::Missing => "none",
            CredentialStatus::Expired | CredentialStatus::Revoked => "expired",
            CredentialStatus::Valid | CredentialStatus::NotHere | CredentialStatus::Expiring => {
                match view.expires_at {
                    Some(_) => "valid",
                    // Given, and nobody has asked for a token yet.
                    None => "none",
                }
            }
        };
        data.push(ZohoStatus {
            connection: name,
            token,
            token_expires_at: view.expires_at,
            state: view.state.as_str(),
            last_run: run::latest(&front.env.pool, &partition)
                .await?
                .map(SyncRun::from),
        });
    }
    Ok(Json(All { data }))
}
