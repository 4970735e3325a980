//! The one endpoint, `POST /v2`: who is calling, what it costs, what goes wrong, what is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;

use super::bucket::Verdict;
use super::document::{self, Document};
use super::fault::FaultKind;
use super::reply::{self, Reply};
use super::schema::{self, Caller, Soundtrack};
use super::state::{Grant, State};
use super::stats::{Ended, Outcome};
use super::switches::{BucketScope, RateHeaders, Switches};
use crate::mangle;

#[derive(Clone)]
struct Door {
    state: Arc<State>,
    schema: Soundtrack,
}

/// What is learnt of a call on its way in, for the log and the headers.
#[derive(Debug, Default)]
struct Facts {
    operation: String,
    accounts: Vec<String>,
    cost: u64,
    available: u64,
}

struct Incoming<'a> {
    peer: SocketAddr,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

pub(super) fn router(state: Arc<State>) -> Router {
    let door = Door {
        state,
        schema: schema::build(),
    };
    Router::new().route("/v2", post(answer)).with_state(door)
}

async fn answer(
    Shared(door): Shared<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let running = door.state.recorder.begin();
    let switches = door.state.switches();
    let mut facts = Facts {
        operation: "unreadable".to_owned(),
        ..Facts::default()
    };
    let incoming = Incoming {
        peer,
        headers: &headers,
        body: &body,
    };
    let reply = door.serve(&switches, incoming, &mut facts).await;
    let spoiling = door.spoiling(&facts);
    let delayed = spoiling
        .iter()
        .any(|fault| matches!(fault, FaultKind::Slow { .. }));
    let outcome = if spoiling.is_empty() {
        reply.outcome
    } else {
        Outcome::Faulted
    };
    if delayed {
        door.hold_back(&spoiling).await;
    }
    running.end(Ended {
        operation: facts.operation.clone(),
        accounts: facts.accounts.clone(),
        cost: facts.cost,
        available: facts.available,
        status: reply.status.as_u16(),
        outcome,
    });
    finish(reply, &spoiling, &facts, &switches)
}

impl Door {
    async fn serve(
        &self,
        switches: &Arc<Switches>,
        incoming: Incoming<'_>,
        facts: &mut Facts,
    ) -> Reply {
        let Incoming {
            peer,
            headers,
            body,
        } = incoming;
        let token = token_of(headers);
        let Some(grant) = self.state.grant_of(token) else {
            facts.available = switches.capacity as u64;
            return reply::unauthenticated(switches, Outcome::Unauthenticated);
        };
        let scope = scope(switches.bucket_scope, token, peer);
        facts.available = self.state.buckets.level(&scope, switches);
        let request = match request_of(headers, body) {
            Ok(request) => request,
            Err((status, message)) => return reply::unreadable(status, message),
        };
        let name = request.operation_name.as_deref();
        let read = document::read(&request.query, name, &request.variables, switches);
        let document = match read {
            Ok(document) => document,
            Err(message) => return reply::invalid(switches, &[message]),
        };
        self.learn(&document, facts);
        if let Some(reply) = self.instead(switches, facts) {
            return reply;
        }
        facts.cost = document.cost;
        match self.state.buckets.take(&scope, document.cost, switches) {
            Verdict::Granted { available } => facts.available = available,
            Verdict::Refused {
                available,
                retry_after_seconds,
            } => {
                facts.available = available;
                return reply::over_limit(switches, document.cost, available, retry_after_seconds);
            }
        }
        self.execute(request, document, grant, switches).await
    }

    fn learn(&self, document: &Document, facts: &mut Facts) {
        facts.operation.clone_from(&document.operation);
        self.state.world(|world| {
            for account in document.ids.iter().filter_map(|id| world.account_of(id)) {
                if !facts.accounts.contains(&account) {
                    facts.accounts.push(account);
                }
            }
        });
    }

    /// The faults that answer instead of the vendor: the call has no effect.
    fn instead(&self, switches: &Switches, facts: &Facts) -> Option<Reply> {
        let struck = self.state.faults.fire(|fault| match &fault.kind {
            kind @ (FaultKind::Unauthenticated
            | FaultKind::NullData { .. }
            | FaultKind::HttpStatus { .. })
                if fault.is_for_call(&facts.operation, &facts.accounts) =>
            {
                Some(kind.clone())
            }
            _ => None,
        });
        match struck.into_iter().next()? {
            FaultKind::Unauthenticated => {
                Some(reply::unauthenticated(switches, Outcome::Unauthenticated))
            }
            FaultKind::NullData { message } => Some(reply::null_data(&message)),
            FaultKind::HttpStatus { status } => Some(reply::gateway(status)),
            _ => None,
        }
    }

    async fn execute(
        &self,
        mut request: Request,
        document: Document,
        grant: Grant,
        switches: &Arc<Switches>,
    ) -> Reply {
        let caller = Caller {
            state: Arc::clone(&self.state),
            switches: Arc::clone(switches),
            grant,
            cost: document.cost,
        };
        let is_mutation = document.is_mutation;
        request.set_parsed_query(document.syntax);
        let executed = self.schema.execute(request.data(caller)).await;
        reply::executed(switches, is_mutation, &executed)
    }

    /// The faults that spoil a reply after the call was carried out.
    fn spoiling(&self, facts: &Facts) -> Vec<FaultKind> {
        self.state.faults.fire(|fault| match &fault.kind {
            kind @ (FaultKind::Slow { .. }
            | FaultKind::CutReply { .. }
            | FaultKind::MalformedJson
            | FaultKind::OverlongBody { .. })
                if fault.is_for_call(&facts.operation, &facts.accounts) =>
            {
                Some(kind.clone())
            }
            _ => None,
        })
    }

    async fn hold_back(&self, spoiling: &[FaultKind]) {
        for fault in spoiling {
            if let FaultKind::Slow { delay_ms } = fault {
                let held = tokio::time::sleep(Duration::from_millis(*delay_ms));
                // A simulator that is being stopped answers at once, or its stop would wait too.
                self.state.shutdown.run_until_cancelled(held).await;
            }
        }
    }
}

/// The token is issued already encoded and compared verbatim, never decoded.
fn token_of(headers: &HeaderMap) -> &str {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    header
        .and_then(|value| value.strip_prefix("Basic "))
        .unwrap_or_default()
}

fn scope(scope: BucketScope, token: &str, peer: SocketAddr) -> String {
    match scope {
        BucketScope::Token => format!("token {token}"),
        BucketScope::Connection => format!("connection {peer}"),
        BucketScope::Everyone => String::new(),
    }
}

fn request_of(headers: &HeaderMap, body: &[u8]) -> Result<Request, (StatusCode, &'static str)> {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim() {
        "application/json" => serde_json::from_slice(body).map_err(|_| {
            (
                StatusCode::BAD_REQUEST,
                "The request body is not valid JSON",
            )
        }),
        "application/graphql" => Ok(Request::new(String::from_utf8_lossy(body))),
        _ => Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content type must be application/json or application/graphql",
        )),
    }
}

fn finish(reply: Reply, spoiling: &[FaultKind], facts: &Facts, switches: &Switches) -> Response {
    let Reply {
        status,
        headers,
        body,
        ..
    } = reply;
    let spoilt = spoiling.iter().find_map(|fault| match fault {
        FaultKind::CutReply { after_bytes } => Some(mangle::cut(status, &body, *after_bytes)),
        FaultKind::MalformedJson => Some(mangle::malformed(status, &body)),
        FaultKind::OverlongBody { bytes } => Some(mangle::overlong(status, &body, *bytes)),
        _ => None,
    });
    let mut response = spoilt.unwrap_or_else(|| mangle::json(status, body));
    response.headers_mut().extend(headers);
    let is_graphql = status.is_success() || status == StatusCode::BAD_REQUEST;
    if switches.rate_headers == RateHeaders::Every || is_graphql {
        response
            .headers_mut()
            .insert(reply::COST, HeaderValue::from(facts.cost));
        response
            .headers_mut()
            .insert(reply::AVAILABLE, HeaderValue::from(facts.available));
    }
    response
}
