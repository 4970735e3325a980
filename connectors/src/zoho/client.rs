//! The calls: a token, the pace, the reply's meaning.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::Config;
use super::classify::{Answer, Call, classify};
use super::item::Item;
use super::walk::{LARGEST_PAGE, Place, SMALLEST_PAGE, Window};
use super::wire::{self, Asked, Organization};
use crate::budget::{Budget, Wait};
use crate::http::{Effect, Http, RawReply, Request};
use crate::page::{self, Page};
use crate::{Access, Credential, Error};

/// A client for one organisation. Cheap to clone; clones share credential and budget.
///
/// Every call costs one of the budget and waits for it at most [`Config::patience`]. A token that is
/// not accepted is renewed once; a call whose new token is not accepted either lacks a right, for
/// Zoho says both in the same words. No call is repeated for any other reason, but for a failed
/// connection.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    credential: Arc<dyn Credential>,
    budget: Arc<dyn Budget>,
    config: Config,
}

/// What [`Client::test_connection`] found out.
#[derive(Debug)]
pub struct Probe {
    /// The organisation, if the grant may read the settings.
    pub organization: Option<Organization>,
    /// The oldest item; `None` if the remote shows none.
    pub item: Option<page::Item<Item>>,
    /// Calls that the test cost, of the minute's and the day's.
    pub calls: u32,
    /// The remote's clock less ours, good to about a second.
    pub server_clock_offset: Option<SignedDuration>,
    /// How long the listing of one item took.
    pub elapsed: Duration,
}

impl Client {
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none, an organisation that is no number, or a
    /// page size outside 20 to 200.
    pub fn new(
        config: Config,
        http: Http,
        credential: impl Credential + 'static,
        budget: impl Budget + 'static,
    ) -> Result<Self, Error> {
        const ACTION: &str = "set up the Zoho client";
        let fault = if Url::parse(&config.api_domain).is_err() {
            Some("api_domain is not an address")
        } else if !is_number(&config.organization_id) {
            Some("organization_id must be digits")
        } else if !(SMALLEST_PAGE..=LARGEST_PAGE).contains(&config.page_size) {
            Some("page_size must be between 20 and 200")
        } else {
            None
        };
        match fault {
            Some(reason) => Err(Error::misconfigured(ACTION, reason)),
            None => Ok(Self {
                http,
                credential: Arc::new(credential),
                budget: Arc::new(budget),
                config,
            }),
        }
    }

    /// One page of the items, inactive ones too, oldest first; `None` begins the walk. With `since`,
    /// those that were modified then or later, and perhaps some of the second before, as far as the
    /// remote heeds that; what it gives besides sets [`Page::filter_ignored`].
    ///
    /// [`Next::End`](page::Next::End) without `since` means that the items of all pages are all there
    /// were when each page was read. There are no tombstones: before an item is taken for gone, ask
    /// for it by [`item`](Self::item).
    ///
    /// # Errors
    /// Any of [`Error`] but `UnknownOutcome`, `Rejected` and `Gone`. An answer with an error is never an
    /// empty page.
    pub async fn items_page(
        &self,
        cursor: Option<&str>,
        since: Option<Timestamp>,
    ) -> Result<Page<Item>, Error> {
        let call = call(
            "list the items of organization",
            &self.config.organization_id,
        );
        let place = cursor.map(|cursor| {
            Place::read(cursor).ok_or_else(|| Error::PageInvalid {
                action: call.action.clone(),
                reason: "the cursor is none of ours",
            })
        });
        let place = place.transpose()?;
        let window = Window::at(place.as_ref(), self.config.page_size);
        let asked = Asked {
            place,
            window,
            since,
        };
        let raw = self.ask(&call, "items", &listing(window, since)).await?;
        let mut page = wire::items_page(&call, &asked, classify(&call, &raw)?)?;
        page.server_date = raw.server_date;
        Ok(page)
    }

    /// One item by its id.
    ///
    /// # Errors
    /// [`Error::Gone`] if the remote says that there is none, and only then; else any of [`Error`] but
    /// `UnknownOutcome` and `PageInvalid`.
    pub async fn item(&self, id: &str) -> Result<page::Item<Item>, Error> {
        // Anything but digits could be another path.
        if !is_number(id) {
            return Err(Error::misconfigured("get an item", "its id must be digits"));
        }
        let mut call = call("get item", id);
        call.item = Some(id.to_owned());
        let raw = self.ask(&call, &format!("items/{id}"), &[]).await?;
        wire::one_item(&call, id, &classify(&call, &raw)?)
    }

    /// The organisations that the grant sees. Needs `ZohoInventory.settings.READ`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without that right; else as for [`items_page`](Self::items_page).
    pub async fn organizations(&self) -> Result<Vec<Organization>, Error> {
        let call = call(
            "list the organizations beside",
            &self.config.organization_id,
        );
        let raw = self.ask(&call, "organizations", &[]).await?;
        wire::organizations(&call, classify(&call, &raw)?)
    }

    /// Asks for one item and for the organisation's name; changes nothing.
    ///
    /// # Errors
    /// As for [`items_page`](Self::items_page).
    pub async fn test_connection(&self) -> Result<Probe, Error> {
        let call = call(
            "test the connection to organization",
            &self.config.organization_id,
        );
        let window = Window {
            page: 1,
            per_page: 1,
        };
        let raw = self.ask(&call, "items", &listing(window, None)).await?;
        let answer = classify(&call, &raw)?;
        let items = answer.items.unwrap_or_default();
        let item = items.first().map(|item| wire::item(item));
        Ok(Probe {
            organization: self.own_organization().await?,
            item,
            calls: 2,
            server_clock_offset: raw.clock_offset,
            elapsed: raw.elapsed,
        })
    }

    /// The token was good a moment ago, so what is refused now is the right and not the token: to
    /// renew it would waste one of ten.
    async fn own_organization(&self) -> Result<Option<Organization>, Error> {
        let call = call("look at organization", &self.config.organization_id);
        let access = self.credential.access().await?;
        let raw = match self.send(&call, &access, "organizations", &[]).await {
            Ok(raw) => raw,
            Err(Error::AuthExpired { .. } | Error::Forbidden { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let all = wire::organizations(&call, classify(&call, &raw)?)?;
        let is_ours = |one: &Organization| one.id == self.config.organization_id;
        Ok(all.into_iter().find(is_ours))
    }

    /// Gives a reply that is known to classify well.
    async fn ask(
        &self,
        call: &Call,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<RawReply, Error> {
        let access = self.credential.access().await?;
        match self.send(call, &access, path, query).await {
            Err(Error::AuthExpired { .. }) => {}
            other => return other,
        }
        let newer = self.credential.renewed(&access).await?;
        match self.send(call, &newer, path, query).await {
            Err(Error::AuthExpired { action }) if newer.version != access.version => {
                self.credential.refused(&newer).await;
                Err(Error::Forbidden { action })
            }
            other => other,
        }
    }

    async fn send(
        &self,
        call: &Call,
        access: &Access,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<RawReply, Error> {
        let request = Request {
            method: Method::GET,
            url: self.url(call, access, path, query)?,
            token: Some(access.token.clone()),
            headers: HeaderMap::new(),
            body: None,
            effect: Effect::Read,
            action: call.action.clone(),
        };
        let permit = self.budget.acquire(1, self.config.patience).await;
        let permit = permit.map_err(|wait| too_many(call, wait))?;
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
        match classify(call, &raw).map(|_: Answer| ()) {
            Err(error) => {
                match &error {
                    Error::Throttled { after, .. } => {
                        permit.refused(1, None, *after);
                    }
                    _ => permit.settle(None),
                }
                Err(error)
            }
            Ok(()) => {
                permit.settle(None);
                Ok(raw)
            }
        }
    }

    fn url(
        &self,
        call: &Call,
        access: &Access,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Url, Error> {
        let domain = access.api_domain.as_deref();
        let domain = domain.unwrap_or(&self.config.api_domain);
        let address = format!("{}/inventory/v1/{path}", domain.trim_end_matches('/'));
        let mut url = Url::parse(&address)
            .map_err(|_| Error::misconfigured(&call.action, "the API domain is no address"))?;
        url.query_pairs_mut()
            .append_pair("organization_id", &self.config.organization_id)
            .extend_pairs(query);
        Ok(url)
    }
}

/// The order is by time of making, which nothing moves (sheet trap 4).
fn listing(window: Window, since: Option<Timestamp>) -> Vec<(&'static str, String)> {
    let mut query = vec![
        ("filter_by", "Status.All".to_owned()),
        ("sort_column", "created_time".to_owned()),
        ("sort_order", "A".to_owned()),
        ("page", window.page.to_string()),
        ("per_page", window.per_page.to_string()),
    ];
    if let Some(since) = since {
        // The filter leaves its own second out (sheet section 3), and times of modification are cut to
        // whole ones.
        let since = since.saturating_sub(SECOND).unwrap_or(since);
        let since = since.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
        query.push(("last_modified_time", since));
    }
    query
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn call(what: &str, id: &str) -> Call {
    Call {
        action: format!("{what} {id}"),
        item: None,
    }
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
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
