//! Who may do what. The scopes a route asks for stand in its OpenAPI operation and nowhere else:
//! the guard reads the document at start, so that what is documented is what is enforced. A route
//! that the document does not know opens for nobody.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::FrontState;
use super::finish::RequestId;
use super::known::Known;
use super::problem::{FORBIDDEN, INTERNAL, Problem, UNAUTHENTICATED};
use super::rate::{self, Peer};
use super::token::{self, Caller};

/// The scope each route asks for; none where its operation names none, and then it opens for nobody.
#[derive(Debug)]
pub(crate) struct Locks(HashMap<String, HashMap<Method, Option<String>>>);

impl Locks {
    pub(crate) fn of(document: &OpenApi) -> Locks {
        let document = serde_json::to_value(document).unwrap_or_default();
        let mut locks = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let scopes =
                item.as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(method, operation)| {
                        let method = Method::from_bytes(method.to_uppercase().as_bytes()).ok()?;
                        Some((method, scope_of(operation)))
                    });
            locks.insert(path.trim_end_matches('/').to_owned(), scopes.collect());
        }
        Locks(locks)
    }

    /// None when the path does not know the method, so that its 405 can be told.
    fn scope(&self, route: &str, method: &Method) -> Result<Option<&str>, Problem> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let closed = |why: &str| {
            let causes = format!("route {method} {route} {why} in the OpenAPI document");
            Problem::new(INTERNAL, "the route is not open").because(causes)
        };
        let scopes = self.0.get(route.trim_end_matches('/'));
        match scopes.ok_or_else(|| closed("is not"))?.get(method) {
            Some(Some(scope)) => Ok(Some(scope)),
            Some(None) => Err(closed("names no scope")),
            None => Ok(None),
        }
    }
}

/// `security: [{"token": ["jobs:read"]}]`.
fn scope_of(operation: &Value) -> Option<String> {
    Some(operation["security"][0]["token"][0].as_str()?.to_owned())
}

/// Lets a request pass that brings a token with the route's scope, and not too often.
pub(crate) async fn guard(
    State((front, locks)): State<(FrontState, Arc<Locks>)>,
    Extension(id): Extension<RequestId>,
    route: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let scope = match locks.scope(route.as_str(), request.method()) {
        Ok(Some(scope)) => scope,
        // The path does not know the method: the router says which it knows.
        Ok(None) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    let bearer = bearer(request.headers());
    let peer = request.extensions().get::<Peer>().copied();
    let caller = match admit(&front, bearer, peer).await {
        Ok(caller) => caller,
        Err(problem) => return turned_away(&front, peer, problem),
    };
    let standing = match front.rates.token(&caller.id) {
        Ok(standing) => standing,
        Err(problem) => return problem.into_response(),
    };
    if !caller.may(scope) {
        return rate::told(forbidden(scope).into_response(), standing);
    }
    request.extensions_mut().insert(Caller {
        request_id: id.0,
        ..caller
    });
    rate::told(next.run(request).await, standing)
}

/// Whoever shows no valid token is counted by address. Only then: a neighbour behind the same address
/// who shows one is not made to wait.
fn turned_away(front: &FrontState, peer: Option<Peer>, problem: Problem) -> Response {
    if problem.status() != StatusCode::UNAUTHORIZED {
        return problem.into_response();
    }
    match front.rates.stranger(peer) {
        Ok(standing) => rate::told(problem.into_response(), standing),
        Err(too_often) => too_often.into_response(),
    }
}

async fn admit(
    front: &FrontState,
    bearer: Option<SecretString>,
    peer: Option<Peer>,
) -> Result<Caller, Problem> {
    let Some(bearer) = bearer else {
        return Err(unauthenticated(
            "no bearer token was sent",
            "Bearer realm=\"lockstep\"",
        ));
    };
    let invalid = || {
        unauthenticated(
            "the token is unknown, expired or revoked",
            "Bearer realm=\"lockstep\", error=\"invalid_token\"",
        )
    };
    match front.seen.look(&bearer) {
        Known::Bad => return Err(invalid()),
        Known::Good => {}
        Known::No if !token::is_sound(&bearer) => return Err(invalid()),
        Known::No => front.rates.lookup(peer)?,
    }
    let caller = token::identify(&front.client, &bearer).await?;
    let known = caller.as_ref().map_or(Known::Bad, |_| Known::Good);
    front.seen.note(&bearer, known);
    caller.ok_or_else(invalid)
}

fn forbidden(scope: &str) -> Problem {
    let challenge =
        format!("Bearer realm=\"lockstep\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let problem = Problem::new(FORBIDDEN, format!("the token lacks the scope {scope}"));
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (scheme, token) = given.next()?.to_str().ok()?.split_once(' ')?;
    let alone = given.next().is_none();
    (alone && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim().to_owned().into())
}

fn unauthenticated(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(UNAUTHENTICATED, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(UNAUTHENTICATED, "no bearer token was sent");
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(missing)
    }
}
