//! The layer before a remote's routes: it counts, it fails on demand, and else it passes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calls::{Book, Call, Span, Stats};
use super::fault::{Fault, Kind};
use super::twist;
use crate::fault::{FaultId, Faults, Injected};
use crate::locked::lock;
use crate::mangle;

/// Why the vendor declined a call; goes with its reply inside the process only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note(pub(crate) &'static str);

/// Which call it is, in the order the calls came; goes with its request inside the process only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival(pub(crate) u64);

/// That a fault struck the call.
#[derive(Debug, Clone, Copy)]
struct Struck;

/// A reply as it was before anything spoilt it.
#[derive(Debug, Clone)]
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    faults: Faults<Fault>,
    book: Mutex<Book>,
    /// The last good reply of each path, for a cache gone wrong.
    last: Mutex<HashMap<String, Whole>>,
    /// Ends the silences there are.
    silence: Mutex<CancellationToken>,
    shutdown: CancellationToken,
}

impl Wire {
    pub(crate) fn new(seed: u64, log_limit: usize, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            faults: Faults::new(seed),
            book: Mutex::new(Book::new(log_limit)),
            last: Mutex::default(),
            silence: Mutex::new(shutdown.child_token()),
            shutdown,
        }))
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    pub(crate) fn inject(&self, fault: Fault) -> FaultId {
        let when = fault.when.clone();
        self.0.faults.inject(fault, when)
    }

    pub(crate) fn faults(&self) -> Vec<Injected<Fault>> {
        self.0.faults.list()
    }

    pub(crate) fn remove_fault(&self, id: FaultId) -> bool {
        self.0.faults.remove(id)
    }

    pub(crate) fn clear_faults(&self) {
        self.0.faults.clear();
        let next = self.0.shutdown.child_token();
        std::mem::replace(&mut *lock(&self.0.silence), next).cancel();
    }

    pub(crate) fn log(&self) -> Vec<Call> {
        lock(&self.0.book).log.iter().cloned().collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        lock(&self.0.book).spans.iter().copied().collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        lock(&self.0.book).stats.clone()
    }

    pub(crate) fn reset(&self) {
        self.clear_faults();
        lock(&self.0.last).clear();
        lock(&self.0.book).reset();
    }

    async fn pass(&self, request: Request, remote: Next) -> Response {
        let (method, path) = (request.method().as_str(), request.uri().path());
        // Taken before the faults are asked: what is cleared in between ends too.
        let silence = lock(&self.0.silence).clone();
        let struck = self
            .0
            .faults
            .fire(|fault| fault.is_for(method, path).then(|| fault.kind.clone()));
        let mut reply = match struck.iter().find_map(instead) {
            Some(whole) => whole.into_response(),
            None if struck.contains(&Kind::Silence) => {
                silence.cancelled().await;
                page(StatusCode::SERVICE_UNAVAILABLE).into_response()
            }
            None => self.carry_out(request, remote, &struck).await,
        };
        if !struck.is_empty() {
            reply.extensions_mut().insert(Struck);
        }
        reply
    }

    async fn carry_out(&self, request: Request, remote: Next, struck: &[Kind]) -> Response {
        let path = request.uri().path().to_owned();
        let reply = remote.run(request).await;
        // What nothing spoils is not held in memory: a remote may stream, and break off on purpose.
        if struck.is_empty() && !self.remembers() {
            return reply;
        }
        let note = reply.extensions().get::<Note>().copied();
        let reply = self.twist(&path, whole(reply).await, struck);
        self.hold_back(struck).await;
        let mut reply = spoil(reply, struck);
        if let Some(note) = note {
            reply.extensions_mut().insert(note);
        }
        reply
    }

    /// Whether a fault is armed that needs the replies before it.
    fn remembers(&self) -> bool {
        let needs = |fault: &Injected<Fault>| fault.fault.kind == Kind::DuplicatePage;
        !self.0.faults.is_empty() && self.0.faults.list().iter().any(needs)
    }

    /// Replies that are good as HTTP and JSON, and yet not what was asked for.
    fn twist(&self, path: &str, reply: Whole, struck: &[Kind]) -> Whole {
        let mut last = lock(&self.0.last);
        let before = last.get(path).cloned();
        if reply.status.is_success() {
            last.insert(path.to_owned(), reply.clone());
        }
        if let Some(before) = before
            && struck.contains(&Kind::DuplicatePage)
        {
            return before;
        }
        let mut reply = reply;
        for fault in struck {
            match fault {
                Kind::EmptyPage => reply.body = twist::emptied(reply.body),
                Kind::ShuffledPage { seed } => reply.body = twist::shuffled(reply.body, *seed),
                Kind::AlteredRecord { at, pointer, value } => {
                    reply.body = twist::altered(reply.body, *at, (pointer, value.as_ref()));
                }
                Kind::HalfCharacter { at, pointer } => {
                    reply.body = twist::halved(reply.body, *at, pointer);
                }
                Kind::ReversedPage => reply.body = twist::reversed(reply.body),
                Kind::ShortBatch { keep } => reply.body = twist::shortened(reply.body, *keep),
                _ => {}
            }
        }
        reply
    }

    async fn hold_back(&self, struck: &[Kind]) {
        for fault in struck {
            if let Kind::Slow { delay_ms } = fault {
                let held = tokio::time::sleep(Duration::from_millis(*delay_ms));
                // A simulator that is being stopped answers at once, or its stop would wait too.
                self.0.shutdown.run_until_cancelled(held).await;
            }
        }
    }

    fn begin(&self) -> Running {
        let (came, arrival) = lock(&self.0.book).begin();
        Running {
            wire: self.clone(),
            came,
            arrival,
        }
    }
}

struct Running {
    wire: Wire,
    came: Instant,
    arrival: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.wire.0.book).leave(self.arrival);
    }
}

/// `routes` behind the wire.
pub(crate) fn before(wire: &Wire, routes: Router) -> Router {
    routes.layer(middleware::from_fn_with_state(wire.clone(), watch))
}

async fn watch(State(wire): State<Wire>, mut request: Request, remote: Next) -> Response {
    let running = wire.begin();
    request.extensions_mut().insert(Arrival(running.arrival));
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default();
    let mut call = Call {
        number: 0,
        at_ms: 0,
        took_ms: 0,
        method: request.method().to_string(),
        query: if path.contains("oauth") {
            String::new()
        } else {
            query.to_owned()
        },
        path,
        status: 0,
        refused: None,
        faulted: false,
    };
    let reply = wire.pass(request, remote).await;
    call.status = reply.status().as_u16();
    call.refused = reply.extensions().get::<Note>().map(|note| note.0);
    call.faulted = reply.extensions().get::<Struck>().is_some();
    lock(&wire.0.book).end(running.came, call);
    reply
}

/// The faults that answer in the remote's place.
fn instead(fault: &Kind) -> Option<Whole> {
    let Kind::Status {
        status,
        retry_after,
        body,
    } = fault
    else {
        return None;
    };
    let status = status_of(*status);
    let mut whole = match body {
        Some(body) => json(status, body),
        None => page(status),
    };
    let wait = retry_after.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(wait)) = wait {
        whole.headers.insert(RETRY_AFTER, wait);
    }
    Some(whole)
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json(status: StatusCode, body: &Value) -> Whole {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Whole {
        status,
        headers,
        body: body.to_string().into(),
    }
}

/// A gateway's page: not JSON, and not from the remote.
fn page(status: StatusCode) -> Whole {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let body = format!("<html><body><h1>{status}</h1></body></html>");
    Whole {
        status,
        headers,
        body: body.into(),
    }
}

fn spoil(reply: Whole, struck: &[Kind]) -> Response {
    let (status, body) = (reply.status, &reply.body);
    let spoilt = struck.iter().find_map(|fault| match fault {
        Kind::CutReply { after_bytes } => Some(mangle::cut(status, body, *after_bytes)),
        Kind::MalformedJson => Some(mangle::malformed(status, body)),
        Kind::EmptyBody => Some(mangle::json(status, Vec::new())),
        Kind::OverlongBody { bytes } => Some(mangle::overlong(status, body, *bytes)),
        Kind::Html => Some(page(status).into_response()),
        Kind::StatusAfter { status } => Some(page(status_of(*status)).into_response()),
        Kind::WrongContentType => {
            let mut reply = reply.clone();
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            reply.headers.insert(CONTENT_TYPE, html);
            Some(reply.into_response())
        }
        _ => None,
    });
    spoilt.unwrap_or_else(|| reply.into_response())
}

async fn whole(reply: Response) -> Whole {
    let (parts, body) = reply.into_parts();
    let mut headers = parts.headers;
    headers.remove(CONTENT_LENGTH);
    Whole {
        status: parts.status,
        headers,
        // The simulators make their bodies in memory: there is nothing to fail.
        body: to_bytes(body, usize::MAX).await.unwrap_or_default(),
    }
}

impl Whole {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
