//! The control API under `/control`: what the Rust API can do, for tests in other languages and
//! for people with curl. It needs no token: it is no part of the vendor.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::{Call, Stats};
use super::fault::{Fault, Hook};
use super::{Remote, Wire};
use crate::fault::{FaultId, Injected};

struct Desk<R> {
    remote: Arc<R>,
    wire: Wire,
}

impl<R> Clone for Desk<R> {
    fn clone(&self) -> Self {
        Self {
            remote: Arc::clone(&self.remote),
            wire: self.wire.clone(),
        }
    }
}

pub(super) fn router<R: Remote>(remote: Arc<R>, wire: Wire) -> Router {
    Router::new()
        .route("/control/truth", get(truth::<R>))
        .route("/control/world", post(change_world::<R>))
        .route("/control/hooks", post(hook::<R>))
        .route(
            "/control/switches",
            get(switches::<R>).patch(patch_switches::<R>),
        )
        .route(
            "/control/faults",
            get(faults::<R>).post(inject::<R>).delete(clear::<R>),
        )
        .route("/control/faults/{id}", delete(remove::<R>))
        .route("/control/stats", get(stats::<R>))
        .route("/control/log", get(log::<R>))
        .route("/control/clock", post(advance::<R>))
        .route("/control/reset", post(reset::<R>))
        .with_state(Desk { remote, wire })
}

async fn truth<R: Remote>(State(desk): State<Desk<R>>) -> Json<Value> {
    Json(desk.remote.truth())
}

async fn change_world<R: Remote>(
    State(desk): State<Desk<R>>,
    Json(change): Json<R::Change>,
) -> Response {
    match desk.remote.apply(change) {
        Ok(id) => Json(json!({"id": id})).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn hook<R: Remote>(
    State(desk): State<Desk<R>>,
    Json(hook): Json<Hook<R::Change>>,
) -> StatusCode {
    desk.remote.hook(hook);
    StatusCode::NO_CONTENT
}

async fn switches<R: Remote>(State(desk): State<Desk<R>>) -> Json<R::Switches> {
    Json(desk.remote.switches())
}

/// Sets the switches that are named and leaves the others.
async fn patch_switches<R: Remote>(
    State(desk): State<Desk<R>>,
    Json(patch): Json<Value>,
) -> Response {
    let mut merged = json!(desk.remote.switches());
    let Value::Object(patch) = patch else {
        return refuse("could not set the switches: the body is no JSON object");
    };
    for (name, value) in patch {
        merged[name] = value;
    }
    match serde_json::from_value::<R::Switches>(merged) {
        Ok(switches) => {
            desk.remote.set_switches(switches.clone());
            Json(switches).into_response()
        }
        Err(error) => refuse(&format!("could not set the switches: {error}")),
    }
}

async fn faults<R: Remote>(State(desk): State<Desk<R>>) -> Json<Vec<Injected<Fault>>> {
    Json(desk.wire.faults())
}

async fn inject<R: Remote>(State(desk): State<Desk<R>>, Json(fault): Json<Fault>) -> Json<Value> {
    Json(json!({"id": desk.wire.inject(fault)}))
}

async fn clear<R: Remote>(State(desk): State<Desk<R>>) -> StatusCode {
    desk.wire.clear_faults();
    StatusCode::NO_CONTENT
}

async fn remove<R: Remote>(State(desk): State<Desk<R>>, Path(id): Path<u64>) -> StatusCode {
    if desk.wire.remove_fault(FaultId(id)) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn stats<R: Remote>(State(desk): State<Desk<R>>) -> Json<Stats> {
    Json(desk.wire.stats())
}

async fn log<R: Remote>(State(desk): State<Desk<R>>) -> Json<Vec<Call>> {
    Json(desk.wire.log())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Jump {
    advance_seconds: u64,
}

async fn advance<R: Remote>(State(desk): State<Desk<R>>, Json(jump): Json<Jump>) -> StatusCode {
    let span = Duration::from_secs(jump.advance_seconds);
    desk.remote.clock().advance(span);
    StatusCode::NO_CONTENT
}

async fn reset<R: Remote>(State(desk): State<Desk<R>>) -> StatusCode {
    desk.remote.reset();
    desk.wire.reset();
    StatusCode::NO_CONTENT
}

fn refuse(error: &str) -> Response {
    let body = Json(json!({"error": error}));
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}
