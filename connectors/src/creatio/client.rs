//! What can be asked of a site, and what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::Config;
use super::batch::{self, Looked, Write, Written};
use super::cache::Cache;
use super::classify::{drift, failed, rows};
use super::metadata::{CUT_OFF, Metadata};
use super::record::{self, Record};
use super::request::{Ask, Call};
use super::sender::Sender;
use super::walk::{Came, Place, step};
use crate::budget::Budget;
use crate::http::Http;
use crate::page::{Item, Next, Page};
use crate::{Credential, Error};

/// A set of more names is no lookup.
const MOST_NAMES: usize = 20_000;
const NAME: &str = "Name";

/// A client for one site. Cheap to clone; clones share credential, budget and what was learnt of the site.
///
/// Every call costs one of the budget, a batch too, and waits for it at most [`Config::patience`]. A token
/// that is not accepted is renewed once. No call is repeated for any other reason, but for a failed
/// connection and to find out how the site writes instants.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sender: Sender,
    cache: Cache,
}

/// A record of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: Uuid,
    pub name: String,
}

/// What [`Client::test_connection`] found out.
#[derive(Debug)]
pub struct Probe {
    /// How many contacts the technical user sees, if the site counts them.
    pub contacts_visible: Option<u64>,
    /// The id of one of them.
    pub contact: Option<Uuid>,
    /// The other sets of the syncs that the technical user may not read.
    pub unreadable: Vec<&'static str>,
    /// Calls that the test cost.
    pub calls: u32,
    /// The remote's clock less ours, good to about a second.
    pub server_clock_offset: Option<SignedDuration>,
    /// How long the first call took.
    pub elapsed: Duration,
}

impl Client {
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none, or a page size outside 1 to 1,000.
    pub fn new(
        config: Config,
        http: Http,
        credential: impl Credential + 'static,
        budget: impl Budget + 'static,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            sender: Sender::new(config, http, Box::new(credential), Box::new(budget))?,
            cache: Cache::default(),
        })))
    }

    /// What the site says of itself. Kept until [`forget`](Self::forget); of many that ask at once, one fetches
    /// it.
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome`, `Rejected` and `Gone`. A failure is not kept.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let once = self.0.cache.metadata();
        let found = once.get_or_try_init(|| self.0.fetch_metadata()).await?;
        Ok(Arc::clone(found))
    }

    /// All ids and names of a lookup, those without a name left out. Kept as [`metadata`](Self::metadata) is.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if there are more than 20,000; [`Error::PageInvalid`] if it changed while it was
    /// read; else as for [`page`](Self::page). A lookup that seems empty is not kept: rights may hide it.
    pub async fn lookup(&self, set: &str) -> Result<Arc<Vec<Named>>, Error> {
        let once = self.0.cache.lookup(set);
        let found = Arc::clone(once.get_or_try_init(|| self.fetch_lookup(set)).await?);
        if found.is_empty() {
            self.0.cache.forget_lookup(set);
        }
        Ok(found)
    }

    /// Lets metadata and lookups be fetched anew, after the site turned out to be another than it was.
    pub fn forget(&self) {
        self.0.cache.forget();
    }

    /// One page of a set by `ModifiedOn` and `Id`, oldest first; `None` begins the walk. With `since`, those
    /// that were modified then or later. A record that is changed during the walk may come twice.
    ///
    /// [`Next::End`] without `since` means that the records of all pages are all that this user sees. There
    /// are no tombstones, and rights hide records in silence: before a record is taken for gone, look at it by
    /// [`read`](Self::read), and at others beside it. An empty set is [`Next::Unclear`].
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome`, `Rejected` and `Gone`. An answer with an error is never an empty page.
    pub async fn page(
        &self,
        ask: &Ask,
        cursor: Option<&str>,
        since: Option<Timestamp>,
    ) -> Result<Page<Record>, Error> {
        let action = format!("list {}", ask.set);
        ask.check(&action)?;
        let place = cursor.map(|cursor| {
            Place::read(cursor).ok_or_else(|| Error::PageInvalid {
                action: action.clone(),
                reason: "the cursor is none of ours",
            })
        });
        let place = place.transpose()?;
        let (call, raw) = self.0.sender.list(ask, (place.as_ref(), since)).await?;
        let rows = rows(&call, &raw)?;
        let came = Came {
            rows: rows
                .value
                .iter()
                .map(|raw| (record::id(raw), record::modified_at(raw)))
                .collect(),
            count: rows.count,
            has_link: rows.link.is_some(),
        };
        let step = step(&action, place.as_ref(), since.is_some(), &came)?;
        let is_old = |at: &Timestamp| since.is_some_and(|since| *at < since);
        Ok(Page {
            items: rows.value[step.known..]
                .iter()
                .map(|raw| item(raw, ask))
                .collect(),
            next: step.next,
            total: rows.count.filter(|_| place.is_none()),
            filter_ignored: came
                .rows
                .iter()
                .filter_map(|(_, at)| at.as_ref())
                .any(is_old),
            server_date: raw.server_date,
        })
    }

    /// Looks at up to [`super::MOST_PARTS`] records by one call; one answer for each id, in their order.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for more ids; [`Error::SchemaDrift`] if something is missing and the site has no
    /// such set; else any of [`Error`] but `UnknownOutcome`, `Rejected`, `Gone` and `PageInvalid`.
    pub async fn read(&self, ask: &Ask, ids: &[Uuid]) -> Result<Vec<Looked>, Error> {
        let call = batch::looks(ask, ids)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let raw = self.0.sender.ask(&call).await?;
        let looked = batch::looked(&call, &raw.body, ask, ids)?;
        // Of a set that is none, the site says the same as of a record that is not there.
        let misses = looked.iter().any(|one| matches!(one, Looked::Missing));
        if misses && self.metadata().await?.entity(&ask.set).is_none() {
            return Err(drift(&call, &format!("it has no set {}", ask.set)));
        }
        Ok(looked)
    }

    /// Writes up to [`super::MOST_PARTS`] records by one call, each for itself: one that is refused stops no other.
    /// One end for each write, in their order.
    ///
    /// # Errors
    /// Only if nothing was applied for certain: [`Error::Misconfigured`] for more writes, and any of [`Error`] but
    /// `UnknownOutcome`, `NoAnswer`, `RemoteFailed` and `Gone`. When the batch was sent and its answer did not come or
    /// is broken, all are [`Written::Unknown`].
    pub async fn write(&self, writes: &[Write]) -> Result<Vec<Written>, Error> {
        self.write_until(writes, None).await
    }

    /// The same, but nothing is sent later than `until`: who waits for a token or for the budget may have seen what is
    /// there too long ago.
    ///
    /// # Errors
    /// As for [`write`](Self::write); [`Error::Throttled`] with no wait when it has become too late.
    pub async fn write_until(
        &self,
        writes: &[Write],
        until: Option<Instant>,
    ) -> Result<Vec<Written>, Error> {
        let call = batch::writes(writes)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        match self.0.sender.ask_until(&call, until).await {
            Ok(raw) => Ok(batch::written(&call, &raw.body, writes)),
            Err(Error::UnknownOutcome { .. }) => Ok(batch::unknown(writes.len())),
            Err(error) => Err(error),
        }
    }

    /// Looks at one contact, and whether leads, activities and their participants can be read; changes nothing.
    ///
    /// # Errors
    /// As for [`page`](Self::page); that another set than contacts may not be read is no error, but told.
    pub async fn test_connection(&self) -> Result<Probe, Error> {
        const OTHERS: [&str; 3] = ["Lead", "Activity", "ActivityParticipant"];
        let call = Call::first("Contact");
        let raw = self.0.sender.ask(&call).await?;
        let found = rows(&call, &raw)?;
        let mut unreadable = Vec::new();
        for set in OTHERS {
            match self.0.sender.ask(&Call::first(set)).await {
                Ok(_) => {}
                Err(Error::Forbidden { .. }) => unreadable.push(set),
                Err(error) => return Err(error),
            }
        }
        Ok(Probe {
            contacts_visible: found.count,
            contact: found.value.first().and_then(|raw| record::id(raw)),
            unreadable,
            calls: 1 + OTHERS.len() as u32,
            server_clock_offset: raw.clock_offset,
            elapsed: raw.elapsed,
        })
    }

    async fn fetch_lookup(&self, set: &str) -> Result<Arc<Vec<Named>>, Error> {
        let ask = Ask::new(set, [NAME]);
        let mut names: Vec<Named> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.page(&ask, cursor.as_deref(), None).await?;
            let is_empty = page.items.is_empty() && cursor.is_none();
            names.extend(page.items.into_iter().filter_map(named));
            match page.next {
                Next::More(_) if names.len() > MOST_NAMES => {
                    let reason = "it has more than 20000 records, which is no lookup";
                    return Err(Error::misconfigured(&format!("list {set}"), reason));
                }
                Next::More(next) => cursor = Some(next),
                Next::Unclear if !is_empty => {
                    return Err(Error::PageInvalid {
                        action: format!("list {set}"),
                        reason: "the lookup changed while it was read",
                    });
                }
                Next::End | Next::Unclear => break,
            }
        }
        // One that was renamed meanwhile came twice, the last time as it is now.
        names.reverse();
        let mut seen = std::collections::HashSet::new();
        names.retain(|one| seen.insert(one.id));
        names.reverse();
        Ok(Arc::new(names))
    }
}

impl Inner {
    async fn fetch_metadata(&self) -> Result<Arc<Metadata>, Error> {
        let call = Call::metadata();
        let raw = self.sender.ask(&call).await?;
        let text = String::from_utf8_lossy(&raw.body);
        Metadata::parse(&text)
            .map(Arc::new)
            .map_err(|why| match why {
                CUT_OFF => Error::NoAnswer {
                    action: call.action.clone(),
                    source: None,
                },
                _ if !text.contains("Edmx") => failed(&call, "an answer that is no metadata"),
                why => drift(&call, why),
            })
    }
}

fn item(raw: &serde_json::value::RawValue, ask: &Ask) -> Item<Record> {
    Item {
        id: record::id(raw).map(|id| id.to_string()),
        raw: raw.to_owned(),
        decoded: record::decode(raw, Some(&ask.select)),
    }
}

fn named(item: Item<Record>) -> Option<Named> {
    let mut record = item.decoded.ok()?;
    match record.fields.remove(NAME) {
        Some(Value::String(name)) => Some(Named {
            id: record.id,
            name,
        }),
        _ => None,
    }
}
