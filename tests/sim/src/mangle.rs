//! Ways to spoil a good reply on the wire, the same for every remote.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures::{StreamExt, stream};

const CHUNK: usize = 64 * 1024;

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    with_body(status, Body::from(body))
}

/// Promises the whole of `body` and closes the connection after `sent` bytes of it.
pub(crate) fn cut(status: StatusCode, body: &[u8], sent: usize) -> Response {
    let first = Bytes::copy_from_slice(&body[..sent.min(body.len().saturating_sub(1))]);
    let broken = stream::once(async move { Ok(first) }).chain(stream::once(async {
        // Hyper flushes what it has when the body is not ready: the client then has seen the
        // status and part of the body, and not merely a connection that never answered.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }));
    let mut reply = with_body(status, Body::from_stream(broken));
    reply
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    reply
}

/// Half of `body`, complete as HTTP and broken as JSON.
pub(crate) fn malformed(status: StatusCode, body: &[u8]) -> Response {
    json(status, body[..body.len() / 2].to_vec())
}

/// The JSON object in `body` with `bytes` more bytes in an `extensions` member: still valid, and
/// streamed, so that the simulator itself needs little memory for it.
pub(crate) fn overlong(status: StatusCode, body: &[u8], bytes: usize) -> Response {
    let end = body
        .iter()
        .rposition(|byte| *byte == b'}')
        .unwrap_or(body.len());
    let mut head = body[..end].to_vec();
    head.extend_from_slice(br#","extensions":{"padding":""#);
    let padding = Bytes::from(vec![b'x'; CHUNK]);
    let whole = stream::iter(std::iter::repeat_n(padding.clone(), bytes / CHUNK));
    let rest = stream::iter([padding.slice(..bytes % CHUNK), Bytes::from_static(b"\"}}")]);
    let parts = stream::iter([Bytes::from(head)]).chain(whole).chain(rest);
    with_body(status, Body::from_stream(parts.map(Ok::<_, io::Error>)))
}

fn with_body(status: StatusCode, body: Body) -> Response {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
