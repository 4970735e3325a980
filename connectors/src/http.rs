//! The one HTTP client of the crate: what every remote's client must not get wrong.
//!
//! Guarantees: only allowed hosts are called, over https unless said otherwise; no redirect is
//! followed and no proxy asked, so that a token goes nowhere else; a reply is cut off at a size
//! limit while it streams; no header and no body reaches a log line, an error or a `Debug`.
//! It leaves to others: what a reply means (each connector), repeats (the job queue) and pacing
//! ([`crate::budget`]).

use std::fmt;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Error, Token};

/// Limits and hosts of an [`Http`].
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Longest wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest whole request, connection and body included. Default 30 s.
    pub request_timeout: Duration,
    /// A reply of more bytes is cut off. Default 10 MiB.
    pub max_reply_bytes: usize,
    /// The hosts that may be called, without port. Any other is an error before anything is sent.
    pub allowed_hosts: Vec<String>,
    /// Hosts that may be called without TLS, besides loopback addresses. Default none.
    pub plain_hosts: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_reply_bytes: 10 * 1024 * 1024,
            allowed_hosts: Vec::new(),
            plain_hosts: Vec::new(),
        }
    }
}

/// Whether a repeat of a request could do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing at the remote.
    Read,
    /// May change something: without an answer its end is unknown.
    Write,
}

/// One request. Our remotes answer JSON, and take JSON unless a header says otherwise.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub token: Option<Token>,
    /// Besides those that the transport sets. A `Content-Type` here takes the place of JSON's.
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    pub effect: Effect,
    /// What is attempted and with which id, for errors and logs: "list zones of account x".
    pub action: String,
}

/// A whole reply, whatever its status.
#[derive(Clone)]
pub struct RawReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The remote's clock when it answered, from the `Date` header; whole seconds.
    pub server_date: Option<Timestamp>,
    /// `server_date` less our clock at receipt; good to about a second.
    pub clock_offset: Option<SignedDuration>,
    /// From the first byte sent, connection included, to the last byte read.
    pub elapsed: Duration,
}

/// The client. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    config: HttpConfig,
}

impl Http {
    /// # Errors
    /// [`Error::Misconfigured`] if no TLS backend can be set up.
    pub fn new(config: HttpConfig) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Error::misconfigured("build the HTTP client", "TLS is not available"))?;
        Ok(Self { client, config })
    }

    /// Sends `request` and reads the whole reply. Any status is a reply, not an error.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for a host or scheme that is not allowed, before anything is
    /// sent, and for a reply over the size limit; [`Error::Unreachable`] if no connection was
    /// made; [`Error::NoAnswer`] for a read, and [`Error::UnknownOutcome`] for a write, whose
    /// answer did not come whole.
    pub async fn send(&self, request: &Request) -> Result<RawReply, Error> {
        self.check_address(&request.url, &request.action)?;

        // Nothing was sent on a failed connection, and a fresh one often succeeds at once. All
        // longer waits belong to the queue, which frees the worker meanwhile.
        let tries = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_millis(400))
            .with_max_times(2)
            .with_jitter();
        let reply = (|| self.try_once(request))
            .retry(tries)
            .when(|error| {
                request.effect == Effect::Read && matches!(error, Error::Unreachable { .. })
            })
            .await;
        match reply {
            // Without a connection nothing was sent. Any other fault may hide a success.
            Err(error)
                if request.effect == Effect::Write
                    && !matches!(error, Error::Unreachable { .. }) =>
            {
                Err(Error::UnknownOutcome {
                    action: request.action.clone(),
                    source: Some(Box::new(error)),
                })
            }
            other => other,
        }
    }

    fn check_address(&self, url: &Url, action: &str) -> Result<(), Error> {
        let host = url.host_str().unwrap_or_default();
        let listed = |hosts: &[String]| hosts.iter().any(|h| h.eq_ignore_ascii_case(host));
        if !listed(&self.config.allowed_hosts) {
            return Err(Error::misconfigured(
                action,
                "the host is not on the allowed list",
            ));
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_loopback(host) || listed(&self.config.plain_hosts) => Ok(()),
            _ => Err(Error::misconfigured(
                action,
                "the address must begin with https://",
            )),
        }
    }

    async fn try_once(&self, request: &Request) -> Result<RawReply, Error> {
        let request_id = Uuid::now_v7();
        let mut builder = self
            .client
            .request(request.method.clone(), request.url.clone())
            .header(ACCEPT, "application/json")
            .header("x-request-id", request_id.to_string())
            .headers(request.headers.clone());
        if let Some(token) = &request.token {
            builder = builder.header(AUTHORIZATION, token.header());
        }
        if let Some(body) = &request.body {
            if !request.headers.contains_key(CONTENT_TYPE) {
                builder = builder.header(CONTENT_TYPE, "application/json");
            }
            builder = builder.body(body.clone());
        }

        let started = Instant::now();
        let response = builder
            .send()
            .await
            .map_err(|e| no_answer(&request.action, e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read_body(response, &request.action).await?;
        let elapsed = started.elapsed();
        let server_date = headers.get(DATE).and_then(|v| http_date(v.to_str().ok()?));

        tracing::debug!(
            http.request_id = %request_id,
            http.host = request.url.host_str(),
            http.status = status.as_u16(),
            http.reply_bytes = body.len(),
            http.elapsed_ms = elapsed.as_millis() as u64,
            "got reply {status} to request {request_id}"
        );
        Ok(RawReply {
            status,
            headers,
            body,
            server_date,
            clock_offset: server_date.map(offset_of),
            elapsed,
        })
    }

    /// Counts while reading: a length header may be missing or untrue.
    async fn read_body(
        &self,
        mut response: reqwest::Response,
        action: &str,
    ) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| no_answer(action, e))? {
            if body.len() + chunk.len() > self.config.max_reply_bytes {
                return Err(Error::misconfigured(
                    action,
                    "the reply is over the size limit",
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Reads an HTTP date: RFC 9110 5.6.7, the one form that servers may send today.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

/// Longest wait a remote can talk us into; a wrong header must not stop a connection for days.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The wait that `Retry-After` names: seconds, or a date that is read against the remote's own clock
/// and not against ours. At most an hour.
pub(crate) fn retry_after(reply: &RawReply) -> Option<Duration> {
    let text = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let span = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let (until, now) = (http_date(text)?, reply.server_date?);
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(span.min(LONGEST_WAIT))
}

#[expect(
    clippy::disallowed_methods,
    reason = "to tell how far our clock is off, it must be read"
)]
fn offset_of(server_date: Timestamp) -> SignedDuration {
    server_date.duration_since(Timestamp::now())
}

/// The address is dropped from the source: another remote may carry a secret in its query.
fn no_answer(action: &str, error: reqwest::Error) -> Error {
    let (action, source) = (action.to_owned(), error.without_url());
    if source.is_connect() {
        Error::Unreachable { action, source }
    } else {
        Error::NoAnswer {
            action,
            source: Some(source),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("effect", &self.effect)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RawReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReply")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
