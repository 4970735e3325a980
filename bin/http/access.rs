//! Who may do what. The scopes a route asks for stand in its OpenAPI operation and nowhere else:
//! the guard reads the document at start, so that what is documented is what is enforced. A route
//! that the document does not know opens for nobody.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::FrontState;
use super::finish::RequestId;
use super::problem::{FORBIDDEN, INTERNAL, Problem, UNAUTHENTICATED};
use super::token::{self, Caller};

/// The scope each route asks for.
#[derive(Debug)]
pub(crate) struct Locks(HashMap<String, HashMap<Method, String>>);

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
                        Some((method, scope_of(operation)?))
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
        match self.0.get(route.trim_end_matches('/')) {
            Some(scopes) => Ok(scopes.get(method).map(String::as_str)),
            None => {
                let causes = format!("route {route} is not in the OpenAPI document");
                Err(Problem::new(INTERNAL, "the route is not open").because(causes))
            }
        }
    }
}

/// `security: [{"token": ["jobs:read"]}]`.
fn scope_of(operation: &Value) -> Option<String> {
    Some(operation["security"][0]["token"][0].as_str()?.to_owned())
}

/// Lets a request pass that brings a token with the route's scope.
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
    let caller = match admit(&front, scope, bearer).await {
        Ok(caller) => Caller {
            request_id: id.0,
            ..caller
        },
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn admit(
    front: &FrontState,
    scope: &str,
    bearer: Option<SecretString>,
) -> Result<Caller, Problem> {
    let Some(bearer) = bearer else {
        return Err(unauthenticated(
            "no bearer token was sent",
            "Bearer realm=\"lockstep\"",
        ));
    };
    let Some(caller) = token::identify(&front.client, &bearer).await? else {
        return Err(unauthenticated(
            "the token is unknown, expired or revoked",
            "Bearer realm=\"lockstep\", error=\"invalid_token\"",
        ));
    };
    if !caller.may(scope) {
        let challenge =
            format!("Bearer realm=\"lockstep\", error=\"insufficient_scope\", scope=\"{scope}\"");
        let problem = Problem::new(FORBIDDEN, format!("the token lacks the scope {scope}"));
        return Err(match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        });
    }
    Ok(caller)
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
