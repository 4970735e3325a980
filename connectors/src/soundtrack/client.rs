//! The calls: pace, send, classify, read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::Config;
use super::classify::{Reply, classify};
use super::query::Call;
use super::wire::{self, Account, Page};
use super::zone::Zone;
use crate::budget::{Budget, Cost, Wait};
use crate::http::{Http, RawReply, Request};
use crate::page::Next;
use crate::{Error, Refusal, Token};

/// The vendor's own app asks for no more (sheet section 3); the maximum is not documented.
const LARGEST_PAGE: u16 = 100;

/// A client for one token. Cheap to clone; clones share budget and learned prices.
///
/// Every call waits for its tokens first, at most [`Config::patience`], and gives
/// [`Error::Throttled`] with the rest of the wait if that is not enough. No call is repeated
/// here, but for a failed connection before a read.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    budget: Arc<dyn Budget>,
    url: Url,
    token: Token,
    refusal: Refusal,
    page_size: u16,
    patience: Duration,
    /// The last price of each sort of call: the cost depends on the document, not on the data.
    prices: Arc<Mutex<HashMap<&'static str, u32>>>,
}

/// What [`Client::test_connection`] found out.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Accounts on the first page.
    pub accounts_visible: u32,
    /// Whether there may be more accounts than those.
    pub more_accounts: bool,
    /// The first of them.
    pub account: Option<String>,
    /// `PublicAPIClient` for a Basic token.
    pub viewer_kind: String,
    /// Price of the probe in tokens.
    pub cost: Option<u32>,
    pub tokens_available: Option<u32>,
    /// The remote's clock less ours, good to about a second.
    pub server_clock_offset: Option<SignedDuration>,
}

impl Client {
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none or a page size outside 1 to 100.
    pub fn new(config: Config, http: Http, budget: impl Budget + 'static) -> Result<Self, Error> {
        const ACTION: &str = "set up the Soundtrack client";
        let url = Url::parse(&config.base_url)
            .map_err(|_| Error::misconfigured(ACTION, "base_url is not an address"))?;
        if !(1..=LARGEST_PAGE).contains(&config.page_size) {
            return Err(Error::misconfigured(
                ACTION,
                "page_size must be between 1 and 100",
            ));
        }
        let Config {
            token,
            refusal,
            page_size,
            patience,
            ..
        } = config;
        Ok(Self {
            http,
            budget: Arc::new(budget),
            url,
            token,
            refusal,
            page_size,
            patience,
            prices: Arc::default(),
        })
    }

    /// One page of an account's zones, by name; `None` begins the walk. Cursors are opaque and
    /// positions may drift while zones change, so tell records apart by id (sheet 7.6).
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome` and `Rejected`. `Gone` only if the remote says
    /// `NOT_FOUND` of the account itself; an account that is null without a word is
    /// `Misconfigured`. An answer with errors is never an empty page.
    pub async fn zones_page(
        &self,
        account_id: &str,
        cursor: Option<&str>,
    ) -> Result<Page<Zone>, Error> {
        let call = Call::zones(account_id, cursor, self.page_size);
        let raw = self.send(&call).await?;
        self.read(&call, &raw, |reply| {
            let mut page = wire::zones_page(&call, reply)?;
            (page.cost, page.server_date) = (Cost::from_headers(&raw.headers), raw.server_date);
            Ok(page)
        })
    }

    /// One page of the accounts that the token sees.
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome` and `Rejected`.
    pub async fn accounts_page(&self, cursor: Option<&str>) -> Result<Page<Account>, Error> {
        let call = Call::accounts(cursor, self.page_size);
        let raw = self.send(&call).await?;
        self.read(&call, &raw, |reply| {
            let (_, mut page) = wire::accounts_page(&call, reply)?;
            (page.cost, page.server_date) = (Cost::from_headers(&raw.headers), raw.server_date);
            Ok(page)
        })
    }

    /// Asks who the token is and what it sees; changes nothing.
    ///
    /// # Errors
    /// As [`accounts_page`](Self::accounts_page).
    pub async fn test_connection(&self) -> Result<Probe, Error> {
        let call = Call::accounts(None, self.page_size);
        let raw = self.send(&call).await?;
        let cost = Cost::from_headers(&raw.headers);
        self.read(&call, &raw, |reply| {
            let (viewer_kind, page) = wire::accounts_page(&call, reply)?;
            Ok(Probe {
                accounts_visible: u32::try_from(page.items.len()).unwrap_or(u32::MAX),
                more_accounts: page.next != Next::End,
                account: page.items.first().and_then(|item| item.id.clone()),
                viewer_kind,
                cost: cost.map(|cost| cost.cost),
                tokens_available: cost.map(|cost| cost.available),
                server_clock_offset: raw.clock_offset,
            })
        })
    }

    pub(super) fn read<T>(
        &self,
        call: &Call,
        raw: &RawReply,
        take: impl FnOnce(&Reply) -> Result<T, Error>,
    ) -> Result<T, Error> {
        take(&classify(call, raw)?)
    }

    /// Gives a reply that is known to classify well, with the budget settled.
    pub(super) async fn send(&self, call: &Call) -> Result<RawReply, Error> {
        let price = self.price(call);
        let permit = self.budget.acquire(price, self.patience).await;
        let permit = permit.map_err(|wait| too_dear(call, price, wait))?;

        let request = Request {
            method: Method::POST,
            url: self.url.clone(),
            token: Some(self.token.clone()),
            headers: HeaderMap::new(),
            body: Some(call.body()),
            effect: call.effect,
            action: call.action.clone(),
        };
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

        let reading = Cost::from_headers(&raw.headers);
        self.learn_price(call, reading.map(|reading| reading.cost));
        match classify(call, &raw).map(|_| ()) {
            Err(Error::Throttled {
                action,
                after,
                cost,
                available,
            }) => {
                self.learn_price(call, cost);
                let available = available.or(reading.map(|reading| reading.available));
                let wait = permit.refused(self.price(call), available, after);
                let after = after.or(wait);
                Err(Error::Throttled {
                    action,
                    after,
                    cost,
                    available,
                })
            }
            Err(error) => {
                permit.settle(reading);
                self.refusal.of(&error).await;
                Err(error)
            }
            Ok(()) => {
                permit.settle(reading);
                Ok(raw)
            }
        }
    }

    /// A guess may be too high for a small bucket and must not keep the first call from telling.
    fn price(&self, call: &Call) -> u32 {
        let prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = prices.get(call.root).copied();
        learned.unwrap_or_else(|| call.guess.min(self.budget.capacity()))
    }

    /// Replies from before the pricing, such as 401 and 5xx, name no price or zero.
    fn learn_price(&self, call: &Call, cost: Option<u32>) {
        if let Some(cost) = cost.filter(|cost| *cost > 0) {
            let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
            prices.insert(call.root, cost);
        }
    }
}

fn waited(wait: Wait) -> Option<Duration> {
    match wait {
        Wait::For(span) => Some(span),
        Wait::Go | Wait::ForReading | Wait::Never => None,
    }
}

fn too_dear(call: &Call, price: u32, wait: Wait) -> Error {
    match wait {
        Wait::Never => {
            let reason = "it costs more than the rate limit ever holds; lower page_size";
            Error::misconfigured(&call.action, reason)
        }
        wait => Error::Throttled {
            action: call.action.clone(),
            after: waited(wait),
            cost: Some(price),
            available: None,
        },
    }
}
