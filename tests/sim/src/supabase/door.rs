//! The gateway and the API behind it: who may in, which schema, which table or function.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Query as Params, Request, State as Shared};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;

use super::keys::Role;
use super::prefer::Prefer;
use super::query::Query;
use super::read::{Reading, list};
use super::reply::{Fault, gateway};
use super::rpc::{HASH, Rpc};
use super::state::State;
use super::switches::Switches;
use super::world::{AVAILABLE_ROWS, PACKAGE_ROWS};
use super::write::{Writing, delete, insert, update};

type Project = Shared<Arc<State>>;

const EXPOSED: [&str; 2] = ["public", "backoffice"];

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/rest/v1/{table}", any(table))
        .route("/rest/v1/rpc/{function}", any(function))
        .fallback(async || gateway("no Route matched with those values", ""))
        .with_state(state)
}

/// A call that passed the gateway.
struct Call {
    method: Method,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    body: Bytes,
    role: Role,
    prefer: Prefer,
    switches: Arc<Switches>,
}

impl Call {
    fn reading(&self) -> Reading<'_> {
        Reading {
            headers: &self.headers,
            role: self.role,
            prefer: &self.prefer,
            switches: &self.switches,
        }
    }

    /// The schema by its header, which reads and writes name differently.
    fn schema(&self) -> Result<&str, Fault> {
        let name = match self.method {
            Method::GET | Method::HEAD => "accept-profile",
            _ => "content-profile",
        };
        let named = self.headers.get(name).and_then(|value| value.to_str().ok());
        let schema = named.unwrap_or(EXPOSED[0]);
        if EXPOSED.contains(&schema) {
            return Ok(schema);
        }
        let hint = format!(
            "Only the following schemas are exposed: {}",
            EXPOSED.join(", ")
        );
        Err(Fault::new("PGRST106", format!("Invalid schema: {schema}")).hint(hint))
    }
}

async fn table(Shared(state): Project, Path(name): Path<String>, request: Request) -> Response {
    match pass(&state, request).await {
        Ok(call) => answer(&state, &name, &call).unwrap_or_else(|fault| refused(fault, call.role)),
        Err(refusal) => *refusal,
    }
}

async fn function(Shared(state): Project, Path(name): Path<String>, request: Request) -> Response {
    match pass(&state, request).await {
        Ok(call) => run(&state, &name, &call).unwrap_or_else(|fault| refused(fault, call.role)),
        Err(refusal) => *refusal,
    }
}

async fn pass(state: &State, request: Request) -> Result<Call, Box<Response>> {
    let (parts, body) = request.into_parts();
    let params = Params::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let params = params.map(|params| params.0).unwrap_or_default();
    let key = params.iter().find(|(name, _)| name == "apikey");
    let role = state.role(&parts.headers, key.map(|(_, key)| key.as_str()))?;
    Ok(Call {
        prefer: Prefer::read(&parts.headers),
        switches: state.now_switches(),
        method: parts.method,
        headers: parts.headers,
        params,
        // A client that breaks off in its body has no one to be told.
        body: to_bytes(body, usize::MAX).await.unwrap_or_default(),
        role,
    })
}

/// A right that is missing is 401 for nobody in particular and 403 for somebody.
fn refused(fault: Fault, role: Role) -> Response {
    if role == Role::Anon && fault == forbidden() {
        return fault.with_status(401);
    }
    fault.into_response()
}

fn forbidden() -> Fault {
    Fault::new(
        "42501",
        "new row violates row-level security policy for table",
    )
}

fn answer(state: &State, name: &str, call: &Call) -> Result<Response, Fault> {
    let schema = call.schema()?;
    let is_hidden = [PACKAGE_ROWS, AVAILABLE_ROWS].contains(&name);
    if is_hidden || call.switches.not_in_schema_cache.contains(name) || schema != EXPOSED[0] {
        let message = format!("Could not find the table '{schema}.{name}' in the schema cache");
        return Err(Fault::new("PGRST205", message));
    }
    if matches!(call.method, Method::GET | Method::HEAD) {
        state.listing_begins();
        return state.world(|world| {
            let table = world.table(name)?;
            let query = Query::read(table, &call.params, &call.headers, &[])?;
            list(table, &query, &call.reading())
        });
    }
    if call.role == Role::Anon {
        return Err(forbidden());
    }
    let writing = Writing {
        reading: call.reading(),
        params: &call.params,
        body: &call.body,
        now_s: state.clock.now_s(),
    };
    state.world_mut(|world| {
        let table = world.table_mut(name)?;
        match call.method {
            Method::POST => insert(table, &writing),
            Method::PATCH => update(table, &writing),
            Method::DELETE => delete(table, &writing),
            _ => Err(Fault::new("PGRST105", "Unsupported HTTP method")),
        }
    })
}

fn run(state: &State, name: &str, call: &Call) -> Result<Response, Fault> {
    let args = match call.method {
        Method::GET | Method::HEAD => call
            .params
            .iter()
            .filter(|(param, _)| param == HASH)
            .map(|(param, value)| (param.clone(), Some(value.clone())))
            .collect(),
        Method::POST => args_of(&call.body)?,
        _ => {
            return Err(Fault::new(
                "PGRST101",
                "Only GET, HEAD, and POST verbs are allowed on RPC",
            ));
        }
    };
    let rpc = Rpc {
        schema: call.schema()?,
        name,
        args,
    };
    if call.switches.not_in_schema_cache.contains(name) {
        return Err(rpc.unknown());
    }
    state.listing_begins();
    state.world(|world| {
        let rows = rpc.call(world)?;
        let query = Query::read(&rows, &call.params, &call.headers, &[HASH])?;
        list(&rows, &query, &call.reading())
    })
}

fn args_of(body: &[u8]) -> Result<HashMap<String, Option<String>>, Fault> {
    if body.is_empty() {
        return Ok(HashMap::new());
    }
    let invalid = |_| Fault::new("PGRST102", "Empty or invalid json");
    let args: HashMap<String, Value> = serde_json::from_slice(body).map_err(invalid)?;
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Ok(args
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}
