//! The calls: pace, send, classify, read.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

use super::Config;
use super::classify::{Rows, classify};
use super::customer::{Customer, CustomerBy};
use super::package::Package;
use super::request::Call;
use super::walk::{Place, Row, item, next};
use crate::Error;
use crate::budget::{Budget, Wait};
use crate::http::{Http, RawReply};
use crate::page::{Item, Next, Page};

/// The gateway's own cap when nothing else is set (sheet section 2).
const LARGEST_PAGE: u16 = 1_000;
/// Customers of one number or address; more are no match but a wrong question.
const MOST_PAGES: usize = 20;

/// A client for one project. Cheap to clone; clones share the budget. No call is repeated here, but
/// for a failed connection.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    budget: Arc<dyn Budget>,
    url: Url,
    config: Config,
}

/// Everything that was asked for, or what could be had of it.
#[derive(Debug)]
pub struct Found<T> {
    pub items: Vec<Item<T>>,
    /// Whether these are proven to be all. An empty list is, only if the same key sees the customer
    /// it is about (for packages) or any customer (for a search): rows that a key may not see are
    /// left out without a word. Delete nothing on the strength of a list that is not.
    pub is_whole: bool,
    /// The remote's clock at the first answer, whole seconds.
    pub server_date: Option<Timestamp>,
}

/// What [`Client::test_connection`] found out.
#[derive(Debug)]
pub struct Probe {
    /// How many customers the key sees, if the remote counts them. Zero is what a key without rights
    /// sees.
    pub customers_visible: Option<u64>,
    /// The first of them.
    pub customer: Option<Item<Customer>>,
    /// Whether the function that gives packages can be called.
    pub packages_callable: bool,
    /// Calls that the test cost.
    pub calls: u32,
    /// The remote's clock less ours, good to about a second.
    pub server_clock_offset: Option<SignedDuration>,
    /// How long the first call took.
    pub elapsed: Duration,
}

impl Client {
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none, a page size outside 1 to 1,000, or a
    /// schema that is no name.
    pub fn new(config: Config, http: Http, budget: impl Budget + 'static) -> Result<Self, Error> {
        const ACTION: &str = "set up the Supabase client";
        let wrong = |reason| Error::misconfigured(ACTION, reason);
        let url = Url::parse(&config.base_url);
        let url = url.map_err(|_| wrong("base_url is not an address"))?;
        if url.cannot_be_a_base() {
            return Err(wrong("base_url is not an address"));
        }
        if !(1..=LARGEST_PAGE).contains(&config.page_size) {
            return Err(wrong("page_size must be between 1 and 1000"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if config.package_schema.is_empty() || !config.package_schema.chars().all(plain) {
            return Err(wrong("package_schema must be the name of a schema"));
        }
        Ok(Self {
            http,
            budget: Arc::new(budget),
            url,
            config,
        })
    }

    /// One page of the customers by id; `None` begins the walk. With `since`, those that were updated
    /// then or later. An empty first page is [`Next::Unclear`]: rights hide rows in silence.
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome`, `AuthExpired` and `Gone`.
    pub async fn customers_page(
        &self,
        cursor: Option<&str>,
        since: Option<Timestamp>,
    ) -> Result<Page<Customer>, Error> {
        let place = cursor.map(|cursor| {
            Place::read(cursor).ok_or_else(|| Error::PageInvalid {
                action: "list the customers".to_owned(),
                reason: "the cursor is none of ours",
            })
        });
        let place = place.transpose()?;
        let call = Call::customers(self.config.page_size, place.as_ref(), since);
        let raw = self.send(&call).await?;
        let rows = classify(&call, &raw)?;
        let items = items_of(&rows, Customer::decode);
        let next = next(&call.action, place.as_ref(), &items, rows.range)?;
        let old = |item: &Item<Customer>| item.decoded.as_ref().ok()?.updated_at;
        let filter_ignored =
            since.is_some_and(|since| items.iter().filter_map(old).any(|at| at < since));
        Ok(Page {
            items,
            next,
            total: rows.range.total.filter(|_| place.is_none()),
            filter_ignored,
            server_date: raw.server_date,
        })
    }

    /// The customers that fit; several, if several do.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if what is looked for is empty or no number; else as for
    /// [`customers_page`](Self::customers_page).
    pub async fn find_customers(&self, by: CustomerBy<'_>) -> Result<Found<Customer>, Error> {
        let call = |place: Option<&Place>| {
            Call::customers_by(&by, self.config.page_size, place).ok_or_else(|| {
                let action = format!("find customers by {}", by.what());
                Error::misconfigured(&action, "there is nothing to look for")
            })
        };
        let (mut found, says_none) = self.all(call, Customer::decode).await?;
        found
            .items
            .retain(|item| item.decoded.as_ref().map_or(true, |one| by.fits(one)));
        if says_none {
            found.is_whole = self.sees(None).await?;
        }
        Ok(found)
    }

    /// The packages of a customer, by the hash that the CRM knows them by.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the hash if the function says no to it;
    /// [`Error::Misconfigured`] for an empty one; else as for
    /// [`customers_page`](Self::customers_page). A failure is never an empty list.
    pub async fn packages_of(&self, stable_hash: &str) -> Result<Found<Package>, Error> {
        if stable_hash.trim().is_empty() {
            let reason = "the customer's hash is empty";
            return Err(Error::misconfigured(
                "list the packages of a customer",
                reason,
            ));
        }
        let call = |place: Option<&Place>| Ok(Call::packages(&self.config, stable_hash, place));
        let decode = |raw: &_| Package::decode(raw, self.config.shop_offset);
        let (mut found, says_none) = self.all(call, decode).await?;
        if says_none {
            found.is_whole = self.sees(Some(stable_hash)).await?;
        }
        Ok(found)
    }

    /// Looks at one customer and calls the function once, for nobody; changes nothing.
    ///
    /// # Errors
    /// As for [`customers_page`](Self::customers_page); that the function is not there or not allowed
    /// is no error, but told.
    pub async fn test_connection(&self) -> Result<Probe, Error> {
        let call = Call::customers(1, None, None);
        let raw = self.send(&call).await?;
        let rows = classify(&call, &raw)?;
        let nobody = Call::packages(&self.config, "nobody", None);
        let packages_callable = match self.send(&nobody).await {
            Ok(_) => true,
            Err(
                Error::SchemaDrift { .. }
                | Error::Forbidden { .. }
                | Error::Misconfigured { .. }
                | Error::Rejected { .. },
            ) => false,
            Err(error) => return Err(error),
        };
        Ok(Probe {
            customers_visible: rows.range.total,
            customer: items_of(&rows, Customer::decode).pop(),
            packages_callable,
            calls: 2,
            server_clock_offset: raw.clock_offset,
            elapsed: raw.elapsed,
        })
    }

    /// All pages of a short list, and whether the remote says in so many words that there is nothing.
    async fn all<T>(
        &self,
        call: impl Fn(Option<&Place>) -> Result<Call, Error>,
        decode: impl Fn(&serde_json::value::RawValue) -> Result<T, crate::RecordError>,
    ) -> Result<(Found<T>, bool), Error> {
        let mut says_none = false;
        let mut found = Found {
            items: Vec::new(),
            is_whole: false,
            server_date: None,
        };
        let mut place: Option<Place> = None;
        for _ in 0..MOST_PAGES {
            let call = call(place.as_ref())?;
            let raw = self.send(&call).await?;
            let rows = classify(&call, &raw)?;
            let items = items_of(&rows, &decode);
            let next = next(&call.action, place.as_ref(), &items, rows.range)?;
            says_none = place.is_none() && items.is_empty() && rows.range.total == Some(0);
            found.items.extend(items);
            found.server_date = found.server_date.or(raw.server_date);
            match next {
                Next::More(cursor) => place = Place::read(&cursor),
                Next::End => {
                    found.is_whole = true;
                    break;
                }
                Next::Unclear => break,
            }
        }
        Ok((found, says_none))
    }

    /// Whether the key sees a customer: the one of a hash, or any.
    async fn sees(&self, hash: Option<&str>) -> Result<bool, Error> {
        let call = Call::sight(hash);
        let raw = self.send(&call).await?;
        Ok(!classify(&call, &raw)?.rows.is_empty())
    }

    /// Gives a reply that is known to classify well.
    async fn send(&self, call: &Call) -> Result<RawReply, Error> {
        let permit = self.budget.acquire(1, self.config.patience).await;
        let permit = permit.map_err(|wait| too_many(call, wait))?;
        let raw = match self.http.send(&call.request(&self.url, &self.config)).await {
            Ok(raw) => raw,
            Err(error) => {
                match error {
                    Error::Unreachable { .. } => permit.unsent(),
                    _ => permit.settle(None),
                }
                return Err(error);
            }
        };
        match classify(call, &raw).map(|_: Rows| ()) {
            Err(error) => {
                match &error {
                    Error::Throttled { after, .. } => {
                        permit.refused(1, None, *after);
                    }
                    _ => permit.settle(None),
                }
                self.config.refusal.of(&error).await;
                Err(error)
            }
            Ok(()) => {
                permit.settle(None);
                Ok(raw)
            }
        }
    }
}

fn items_of<T>(
    rows: &Rows,
    decode: impl Fn(&serde_json::value::RawValue) -> Result<T, crate::RecordError>,
) -> Vec<Item<T>> {
    rows.rows.iter().map(|raw| item(raw, &decode)).collect()
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
