//! The site and its identity service: who may in, and to what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Form as Fields, Request, State as Shared};
use axum::http::header::{DATE, HOST};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::address::Resource;
use super::batch;
use super::identity::Form;
use super::reply::{Answer, oauth, plain};
use super::service::{Call, Counter};
use super::state::State;
use super::switches::Switches;
use crate::locked::lock;
use crate::wire::{Arrival, Clock};

type Site = Shared<Arc<State>>;

/// The identity service is another host with the vendor; here it has a root of its own.
pub(super) const IDENTITY: &str = "/identity";

pub(super) fn router(state: Arc<State>) -> Router {
    let discovery = format!("{IDENTITY}/.well-known/openid-configuration");
    Router::new()
        .route(&format!("{IDENTITY}/connect/token"), post(token))
        .route(&discovery, get(discover))
        .route("/ServiceModel/AuthService.svc/Login", post(login))
        .fallback(service)
        .with_state(state)
}

async fn token(
    Shared(state): Site,
    form: Result<Fields<Form>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Fields(form)) = form else {
        return oauth(400, "invalid_request").into_response();
    };
    let switches = state.now_switches();
    let now = state.clock.elapsed();
    let answer = lock(&state.desk).token(&form, &state.config, &switches, now);
    answer.into_response()
}

async fn discover(headers: HeaderMap) -> Response {
    let issuer = format!("{}{IDENTITY}", origin(&headers));
    let body = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/connect/token"),
        "grant_types_supported": ["client_credentials"],
    });
    plain(&body).into_response()
}

async fn login(Shared(state): Site, body: Bytes) -> Response {
    let login = serde_json::from_slice(&body).unwrap_or_default();
    let answer = lock(&state.desk).login(&login, &state.config);
    answer.into_response()
}

async fn service(Shared(state): Site, request: Request) -> Response {
    let switches = state.now_switches();
    let root = if switches.net_core {
        "/odata"
    } else {
        "/0/odata"
    };
    let (parts, body) = request.into_parts();
    let below = parts.uri.path().strip_prefix(root);
    let Some(path) = below.filter(|path| path.is_empty() || path.starts_with('/')) else {
        return Answer::page(404, "no_such_page").into_response();
    };
    let now = state.clock.elapsed();
    let let_in = || lock(&state.desk).let_in(&parts.headers, &switches, now);
    if let Err(refusal) = state.enter(&switches).and_then(|()| let_in()) {
        return refusal.into_response();
    }
    let call = Call {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: named(&parts.headers),
        // A client that breaks off in its body has no one to be told.
        body: to_bytes(body, usize::MAX).await.unwrap_or_default().into(),
    };
    let resource = Resource::read(path);
    if resource == Some(Resource::Metadata) && switches.metadata_takes_ms > 0 {
        tokio::time::sleep(Duration::from_millis(switches.metadata_takes_ms)).await;
    }
    let root = format!("{}{root}", origin(&parts.headers));
    let arrival = parts.extensions.get::<Arrival>().map_or(0, |one| one.0);
    let response = answer(&state, &switches, &call, (root, arrival)).into_response();
    match switches.dates_by_own_clock {
        true => dated(&state, response),
        false => response,
    }
}

fn dated(state: &State, mut response: Response) -> Response {
    let now = Clock::instant(state.clock.now_s());
    let now = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(now) = HeaderValue::from_str(&now) {
        response.headers_mut().insert(DATE, now);
    }
    response
}

fn answer(
    state: &State,
    switches: &Switches,
    call: &Call,
    (root, arrival): (String, u64),
) -> Answer {
    let schema = state.world(super::world::World::schema);
    let counter = Counter {
        schema: &schema,
        switches,
        now: state.now(),
        root,
        turn: state.next_turn(),
        arrival,
    };
    let is_batch = Resource::read(&call.path) == Some(Resource::Batch);
    if is_batch && call.method == "POST" {
        return batch::answer(state, &counter, call);
    }
    batch::single(state, &counter, call)
}

fn named(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}

fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}
