//! The control API under `/control`: what the Rust API can do, for tests in other languages and
//! for people with curl. It needs no token: it is no part of the vendor.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::Fault;
use super::state::State;
use super::stats::{LogEntry, Stats};
use super::switches::Switches;
use super::world::{Change, Source, Truth, World, WorldSize};
use crate::fault::{FaultId, Injected};

type Control = Shared<Arc<State>>;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/control/truth", get(truth))
        .route("/control/sources", get(sources))
        .route("/control/world", post(change_world).put(replace_world))
        .route("/control/switches", get(switches).patch(patch_switches))
        .route(
            "/control/faults",
            get(faults).post(inject).delete(clear_faults),
        )
        .route("/control/faults/{id}", delete(remove_fault))
        .route("/control/stats", get(stats))
        .route("/control/log", get(log))
        .route("/control/bucket", post(set_bucket))
        .route("/control/tokens", post(grant))
        .route("/control/tokens/{token}", delete(revoke))
        .route("/control/reset", post(reset))
        .with_state(state)
}

async fn truth(Shared(state): Control) -> Json<Truth> {
    Json(state.world(World::truth))
}

async fn sources(Shared(state): Control) -> Json<Vec<Source>> {
    let sources = state.world(World::sources);
    Json(sources.iter().map(|source| Source::clone(source)).collect())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Changes {
    One(Change),
    Many(Vec<Change>),
}

/// Applies changes in order and stops at the first that cannot be; the earlier ones stay.
async fn change_world(Shared(state): Control, Json(changes): Json<Changes>) -> Response {
    let changes = match changes {
        Changes::One(change) => vec![change],
        Changes::Many(changes) => changes,
    };
    let mut ids = Vec::new();
    for change in changes {
        match state.apply(change) {
            Ok(id) => ids.push(id),
            Err(error) => return refuse(&error.to_string()),
        }
    }
    Json(json!({"ids": ids})).into_response()
}

#[derive(Deserialize)]
struct NewWorld {
    seed: u64,
    #[serde(flatten)]
    size: WorldSize,
}

async fn replace_world(Shared(state): Control, Json(new): Json<NewWorld>) -> StatusCode {
    let mut world = World::generate(new.seed, new.size);
    world.moved_zone_id = state.switches().moved_zone_id;
    state.world_mut(|current| *current = world);
    StatusCode::NO_CONTENT
}

async fn switches(Shared(state): Control) -> Json<Switches> {
    Json(Switches::clone(&state.switches()))
}

/// Sets the switches that are named and leaves the others.
async fn patch_switches(Shared(state): Control, Json(patch): Json<Value>) -> Response {
    let mut merged = json!(Switches::clone(&state.switches()));
    let Value::Object(patch) = patch else {
        return refuse("could not set the switches: the body is no JSON object");
    };
    for (name, value) in patch {
        merged[name] = value;
    }
    match serde_json::from_value::<Switches>(merged) {
        Ok(switches) => {
            state.set_switches(switches.clone());
            Json(switches).into_response()
        }
        Err(error) => refuse(&format!("could not set the switches: {error}")),
    }
}

async fn faults(Shared(state): Control) -> Json<Vec<Injected<Fault>>> {
    Json(state.faults.list())
}

#[derive(Serialize)]
struct InjectedId {
    id: FaultId,
}

async fn inject(Shared(state): Control, Json(fault): Json<Fault>) -> Json<InjectedId> {
    let when = fault.when.clone();
    Json(InjectedId {
        id: state.faults.inject(fault, when),
    })
}

async fn clear_faults(Shared(state): Control) -> StatusCode {
    state.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(Shared(state): Control, Path(id): Path<u64>) -> StatusCode {
    found(state.faults.remove(FaultId(id)))
}

async fn stats(Shared(state): Control) -> Json<Stats> {
    Json(state.recorder.stats())
}

async fn log(Shared(state): Control) -> Json<Vec<LogEntry>> {
    Json(state.recorder.log())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BucketOrder {
    /// The level to set every bucket in use to.
    tokens: Option<f64>,
    /// The refill of so many seconds, at once.
    advance_seconds: Option<f64>,
}

async fn set_bucket(Shared(state): Control, Json(order): Json<BucketOrder>) -> Response {
    if let Some(tokens) = order.tokens {
        state.buckets.set_level(tokens);
    }
    let span = Duration::try_from_secs_f64(order.advance_seconds.unwrap_or(0.0));
    let Ok(span) = span else {
        return refuse("could not advance the buckets: advanceSeconds is no span of time");
    };
    state.buckets.advance(span, &state.switches());
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    /// The ids of the accounts it sees; all when left out.
    accounts: Option<BTreeSet<String>>,
}

async fn grant(Shared(state): Control, Json(new): Json<NewToken>) -> StatusCode {
    state.grant(&new.token, new.accounts);
    StatusCode::NO_CONTENT
}

async fn revoke(Shared(state): Control, Path(token): Path<String>) -> StatusCode {
    found(state.revoke(&token))
}

async fn reset(Shared(state): Control) -> StatusCode {
    state.reset();
    StatusCode::NO_CONTENT
}

fn found(found: bool) -> StatusCode {
    if found {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

fn refuse(error: &str) -> Response {
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        Json(json!({"error": error})),
    )
        .into_response()
}
