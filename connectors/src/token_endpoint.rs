//! A token endpoint of OAuth, as both vendors that have one are asked: a form in the body, within a budget of its own.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use crate::budget::{Budget, Wait};
use crate::http::{Effect, Http, RawReply, Request};
use crate::{Error, Minted};

/// One endpoint, and in which words its failures are told. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TokenEndpoint {
    http: Http,
    url: Url,
    budget: Arc<dyn Budget>,
    words: Words,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// What is being done, for people.
    pub(crate) action: &'static str,
    /// How long to wait when a refusal names no time.
    pub(crate) blind_wait: Duration,
}

impl TokenEndpoint {
    /// `url` is the host's root and `path` the endpoint below it.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none.
    pub(crate) fn new(
        (url, path): (&str, &str),
        http: Http,
        budget: impl Budget + 'static,
        words: Words,
    ) -> Result<Self, Error> {
        let url = format!("{}{path}", url.trim_end_matches('/'));
        let url = Url::parse(&url)
            .map_err(|_| Error::misconfigured(words.action, "the token host is no address"))?;
        Ok(Self {
            http,
            url,
            budget: Arc::new(budget),
            words,
        })
    }

    /// One call, which counts whatever becomes of it, unless it never left.
    ///
    /// # Errors
    /// Those of `read`; `Throttled`, `Unreachable`, `NoAnswer`.
    pub(crate) async fn ask(
        &self,
        form: &[(&str, &str)],
        read: fn(&RawReply) -> Result<Minted, Error>,
    ) -> Result<Minted, Error> {
        let permit = self.budget.acquire(1, Duration::ZERO).await;
        let permit = permit.map_err(|wait| match wait {
            Wait::For(span) => self.words.throttled(span),
            Wait::Go | Wait::ForReading | Wait::Never => {
                self.words.throttled(self.words.blind_wait)
            }
        })?;
        let reply = match self.http.send(&self.request(form)).await {
            Ok(reply) => reply,
            Err(error @ Error::Unreachable { .. }) => {
                permit.unsent();
                return Err(error);
            }
            Err(error) => {
                permit.settle(None);
                return Err(error);
            }
        };
        let minted = read(&reply);
        match &minted {
            Err(Error::Throttled { after, .. }) => {
                permit.refused(1, None, *after);
            }
            _ => permit.settle(None),
        }
        minted
    }

    /// The secrets go in the body: addresses end up in logs of others. Asking again does no harm that a write
    /// does, so that the answer's loss is no unknown outcome.
    fn request(&self, form: &[(&str, &str)]) -> Request {
        let mut encoded = self.url.clone();
        encoded.query_pairs_mut().clear().extend_pairs(form);
        let mut headers = HeaderMap::new();
        let media = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, media);
        Request {
            method: Method::POST,
            url: self.url.clone(),
            token: None,
            headers,
            body: encoded.query().map(|query| query.as_bytes().to_vec()),
            effect: Effect::Read,
            action: self.words.action.to_owned(),
        }
    }
}

impl Words {
    pub(crate) fn throttled(self, after: Duration) -> Error {
        Error::Throttled {
            action: self.action.to_owned(),
            after: Some(after),
            cost: None,
            available: None,
        }
    }

    pub(crate) fn failed(self, code: &str) -> Error {
        Error::RemoteFailed {
            action: self.action.to_owned(),
            code: code.to_owned(),
        }
    }

    pub(crate) fn drift(self, reason: &str) -> Error {
        Error::SchemaDrift {
            action: self.action.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
