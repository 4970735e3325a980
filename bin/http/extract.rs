//! What handlers read of a request. Each refusal is a [`Problem`], never a framework's plain text.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::problem::{
    BAD_PARAMETER, BAD_REQUEST, Problem, REQUEST_TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
};
use super::{FrontState, json};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may be left out altogether.
pub(crate) struct MaybeBody<T>(pub(crate) T);

/// Query parameters.
pub(crate) struct Params<T>(pub(crate) T);

/// Path parameters.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<FrontState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &FrontState) -> Result<Self, Problem> {
        check_is_json(request.headers())?;
        Ok(Body(json::read(&bytes(request, front).await?)?))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<FrontState> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &FrontState) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = bytes(request, front).await?;
        if body.is_empty() {
            return Ok(MaybeBody(T::default()));
        }
        check_is_json(&headers)?;
        Ok(MaybeBody(json::read(&body)?))
    }
}

/// A form or plain text, which a browser sends across origins without asking, is refused.
fn check_is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("");
    let essence = kind
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    let told = if kind.is_empty() {
        "no Content-Type".to_owned()
    } else {
        format!("Content-Type {kind:?}")
    };
    Err(Problem::new(
        UNSUPPORTED_MEDIA_TYPE,
        format!("expected application/json, got {told}"),
    ))
}

async fn bytes(request: Request, front: &FrontState) -> Result<Bytes, Problem> {
    let body = Bytes::from_request(request, front);
    let Ok(body) = tokio::time::timeout(front.options.body_time, body).await else {
        let detail = format!(
            "the body did not arrive within {} s",
            front.options.body_time.as_secs_f64()
        );
        return Err(Problem::new(REQUEST_TIMEOUT, detail));
    };
    body.map_err(|rejection: BytesRejection| {
        let sort = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
            _ => BAD_REQUEST,
        };
        Problem::new(sort, rejection.body_text())
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Params(params)),
            Err(rejection) => Err(Problem::new(BAD_PARAMETER, rejection.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(params)) => Ok(At(params)),
            Err(rejection) => Err(Problem::new(BAD_PARAMETER, rejection.body_text())),
        }
    }
}
