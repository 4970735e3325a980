//! From a good answer to items, one item, organisations.

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;

use super::classify::{Answer, Call, drift};
use super::item::Item;
use super::walk::{Came, Place, Window, step};
use crate::Error;
use crate::page::{self, Page};
use crate::record::Record;

/// An organisation that the grant sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub id: String,
    pub name: String,
    /// An IANA name.
    pub time_zone: Option<String>,
    pub currency_code: Option<String>,
    pub is_default: bool,
}

/// The page that was asked for, and how far the walk was before it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) place: Option<Place>,
    pub(super) window: Window,
    pub(super) since: Option<Timestamp>,
}

/// Dates alone are read as early as they can be, so a filter is not blamed for a day and a bit.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(26);

pub(super) fn items_page(call: &Call, asked: &Asked, answer: Answer) -> Result<Page<Item>, Error> {
    let Some(rows) = answer.items else {
        return Err(drift(call, "the answer has no list of items"));
    };
    let context = answer.page_context.as_ref();
    let window = asked.window;
    // A cap shows at once, since no later page is larger than the first.
    let first_size = context.filter(|_| asked.place.is_none());
    if let Some(per_page) = first_size.and_then(|context| context.per_page)
        && per_page != window.per_page
    {
        let reason = format!("the remote gives {per_page} items a page; lower page_size to that");
        return Err(Error::misconfigured(&call.action, &reason));
    }
    let differs = |told: Option<u64>, asked| told.is_some_and(|told| told != asked);
    let is_other = context.is_some_and(|context| {
        differs(context.page, window.page) || differs(context.per_page, window.per_page)
    });
    if is_other {
        return Err(Error::PageInvalid {
            action: call.action.clone(),
            reason: "it is not the page that was asked for",
        });
    }
    if rows.len() as u64 > window.per_page {
        return Err(drift(call, "the page has more items than were asked for"));
    }
    let mut items: Vec<page::Item<Item>> = rows.into_iter().map(item).collect();
    let came = Came {
        ids: items.iter().map(|item| item.id.as_deref()).collect(),
        has_more: context.and_then(|context| context.has_more_page),
    };
    let step = step(asked.place.as_ref(), window, &came);
    items.drain(..step.known);
    let filter_ignored = asked.since.is_some_and(|since| {
        let modified = |item: &page::Item<Item>| item.decoded.as_ref().ok()?.modified_at;
        let mut times = items.iter().filter_map(modified);
        times.any(|at| since.duration_since(at) > TOLERANCE)
    });
    Ok(Page {
        items,
        next: step.next,
        total: None,
        filter_ignored,
        server_date: None,
    })
}

pub(super) fn item(raw: &RawValue) -> page::Item<Item> {
    let id = Record::read(raw).and_then(|record| record.id("item_id"));
    page::Item {
        id: id.ok(),
        raw: raw.to_owned(),
        decoded: Item::decode(raw),
    }
}

/// One item that was asked for by its id: another's answer is none.
pub(super) fn one_item(call: &Call, id: &str, answer: &Answer) -> Result<page::Item<Item>, Error> {
    let Some(raw) = answer.item else {
        return Err(drift(call, "the answer has no item"));
    };
    let found = item(raw);
    if found.id.as_deref() != Some(id) {
        return Err(drift(call, "the answer is about another item"));
    }
    Ok(found)
}

pub(super) fn organizations(call: &Call, answer: Answer) -> Result<Vec<Organization>, Error> {
    let Some(rows) = answer.organizations else {
        return Err(drift(call, "the answer has no list of organizations"));
    };
    let read = |raw: &RawValue| {
        let record = Record::read(raw)?;
        Ok::<_, crate::RecordError>(Organization {
            id: record.id("organization_id")?,
            name: record.text("name")?,
            time_zone: record.maybe_text("time_zone")?,
            currency_code: record.maybe_text("currency_code")?,
            is_default: record.flag("is_default_org"),
        })
    };
    let organizations: Result<Vec<_>, _> = rows.into_iter().map(read).collect();
    organizations.map_err(|error| drift(call, &format!("an organization's {error}")))
}
