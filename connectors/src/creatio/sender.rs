//! How a call goes out: a token, the pace, and what the reply's status says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use tokio::time::Instant;

use super::Config;
use super::classify::{classify, pause};
use super::request::{Ask, Call, Literals};
use super::walk::Place;
use crate::budget::{Budget, Wait};
use crate::http::{Http, RawReply};
use crate::{Access, Credential, Error};

/// Far below the platform's own limit of 20,000 (sheet section 2), for the sake of memory.
const LARGEST_PAGE: u16 = 1_000;

/// What all calls of a client share.
#[derive(Debug)]
pub(super) struct Sender {
    http: Http,
    credential: Box<dyn Credential>,
    budget: Box<dyn Budget>,
    url: Url,
    config: Config,
    /// The site wants instants of filters in quotes.
    quotes: AtomicBool,
}

impl Sender {
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none, or a page size outside 1 to 1,000.
    pub(super) fn new(
        config: Config,
        http: Http,
        credential: Box<dyn Credential>,
        budget: Box<dyn Budget>,
    ) -> Result<Self, Error> {
        const ACTION: &str = "set up the Creatio client";
        let wrong = |reason| Error::misconfigured(ACTION, reason);
        let url = Url::parse(&config.base_url);
        let url = url.map_err(|_| wrong("base_url is not an address"))?;
        if url.cannot_be_a_base() {
            return Err(wrong("base_url is not an address"));
        }
        if !(1..=LARGEST_PAGE).contains(&config.page_size) {
            return Err(wrong("page_size must be between 1 and 1000"));
        }
        Ok(Self {
            http,
            credential,
            budget,
            url,
            config,
            quotes: AtomicBool::new(false),
        })
    }

    /// A page, by the literals that the site takes. Which those are is learnt from its first refusal.
    pub(super) async fn list(
        &self,
        ask: &Ask,
        (place, since): (Option<&Place>, Option<Timestamp>),
    ) -> Result<(Call, RawReply), Error> {
        let literals = match self.quotes.load(Ordering::Relaxed) {
            true => Literals::Quoted,
            false => Literals::Bare,
        };
        let size = self.config.page_size;
        let call = Call::page(ask, size, (place, since), literals);
        let refusal = match self.ask(&call).await {
            Ok(raw) => return Ok((call, raw)),
            Err(error @ Error::SchemaDrift { .. }) if place.is_some() || since.is_some() => error,
            Err(error) => return Err(error),
        };
        let call = Call::page(ask, size, (place, since), literals.other());
        match self.ask(&call).await {
            Ok(raw) => {
                let quotes = literals.other() == Literals::Quoted;
                self.quotes.store(quotes, Ordering::Relaxed);
                Ok((call, raw))
            }
            // Then it is something else that the site does not know.
            Err(Error::SchemaDrift { .. }) => Err(refusal),
            Err(error) => Err(error),
        }
    }

    /// Gives a reply of a good status.
    pub(super) async fn ask(&self, call: &Call) -> Result<RawReply, Error> {
        self.ask_until(call, None).await
    }

    /// The same, unless it is later than that once a token and the budget are there: then nothing is sent, and it may
    /// be asked again at once.
    pub(super) async fn ask_until(
        &self,
        call: &Call,
        until: Option<Instant>,
    ) -> Result<RawReply, Error> {
        let access = self.credential.access().await?;
        match self.send(call, &access, until).await {
            Err(Error::AuthExpired { .. }) => {}
            other => return other,
        }
        // Whoever is not let in has changed nothing, so that a write may be sent once more too.
        let newer = self.credential.renewed(&access).await?;
        match self.send(call, &newer, until).await {
            Err(Error::AuthExpired { action }) if newer.version != access.version => {
                self.credential.refused(&newer).await;
                Err(Error::AuthRevoked { action })
            }
            other => other,
        }
    }

    async fn send(
        &self,
        call: &Call,
        access: &Access,
        until: Option<Instant>,
    ) -> Result<RawReply, Error> {
        let request = call.request(&self.url, access.token.clone());
        let permit = self.budget.acquire(1, self.config.patience).await;
        let permit = permit.map_err(|wait| too_many(call, wait))?;
        if until.is_some_and(|until| Instant::now() > until) {
            permit.unsent();
            return Err(too_many(call, Wait::For(Duration::ZERO)));
        }
        let raw = match self.http.send(&request).await {
            Ok(raw) => raw,
            Err(error) => {
                match error {
                    Error::Unreachable { .. } => permit.unsent(),
                    _ => permit.settle(None),
                }
                return Err(error);
            }
        };
        match classify(call, &raw) {
            Err(error) => {
                let wait = match &error {
                    Error::Throttled { after, .. } => *after,
                    // Writes whose end is unknown, too: the next call would only add to the load.
                    _ => pause(&raw),
                };
                match wait {
                    Some(wait) => {
                        permit.refused(1, None, Some(wait));
                    }
                    None => permit.settle(None),
                }
                Err(error)
            }
            Ok(()) => {
                permit.settle(None);
                Ok(raw)
            }
        }
    }
}

fn too_many(call: &Call, wait: Wait) -> Error {
    Error::Throttled {
        action: call.action.clone(),
        after: match wait {
            Wait::For(span) => Some(span),
            Wait::Go | Wait::ForReading | Wait::Never => None,
        },
        cost: Some(1),
        available: None,
    }
}
