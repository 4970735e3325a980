//! From the data of a good answer to a page: what is there, what is lost, and what comes next.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::classify::{Reply, drift, unsure};
use super::query::Call;
use super::zone::Zone;
use crate::budget::Cost;
use crate::page::{Item, Next};
use crate::{Error, RecordError, Verdict};

/// One page of a walk.
///
/// A walk has listed everything only if its last page says [`Next::End`], every page has `lost`
/// at 0, every item has an id, no cursor came twice (a page can only tell that it was not given
/// its own cursor again), and the distinct ids are as many as `total`.
#[derive(Debug)]
pub struct Page<T> {
    /// The account's name at the remote; `None` for a list of accounts.
    pub account_name: Option<String>,
    pub items: Vec<Item<T>>,
    /// Edges that came without their node: records that exist and could not be seen.
    pub lost: u32,
    pub next: Next,
    /// How many records the whole list has, by the remote's count.
    pub total: Option<u64>,
    /// Errors beside the data that the contract allows: zones whose location is not found.
    pub partial: u32,
    /// What the call cost, if the reply told.
    pub cost: Option<Cost>,
    /// The remote's clock at the answer, whole seconds.
    pub server_date: Option<Timestamp>,
}

impl<T> Page<T> {
    /// [`Verdict::OkPartial`] if something the contract allows to be missing is missing.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let whole = self.partial == 0 && self.lost == 0;
        if whole {
            Verdict::Ok
        } else {
            Verdict::OkPartial
        }
    }
}

/// An account that the token can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Opaque.
    pub id: String,
    pub business_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountData<'a> {
    business_name: Option<String>,
    #[serde(borrow)]
    sound_zones: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ViewerData<'a> {
    #[serde(rename = "__typename")]
    kind: Option<String>,
    #[serde(borrow)]
    accounts: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    total: Option<u64>,
    page_info: Option<PageInfo>,
    #[serde(borrow)]
    edges: Vec<Option<Edge<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: Option<bool>,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Edge<'a> {
    #[serde(borrow)]
    node: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// The value of the answer's one root field; `None` if it is null.
pub(super) fn root<'a>(call: &Call, reply: &Reply<'a>) -> Result<Option<&'a RawValue>, Error> {
    let data: std::collections::BTreeMap<String, &RawValue> = read(call, reply.data)?;
    match data.get(call.root) {
        Some(value) => Ok(Some(*value).filter(|value| value.get() != "null")),
        None => Err(unsure(
            call,
            drift(call, "the answer lacks the field that was asked for"),
        )),
    }
}

pub(super) fn zones_page(call: &Call, reply: &Reply) -> Result<Page<Zone>, Error> {
    let Some(account) = root(call, reply)? else {
        // Null without an error proves no absence, and zones must not be lost to it.
        let reason = "the token sees no account of this id";
        return Err(Error::misconfigured(&call.action, reason));
    };
    let account: AccountData = read(call, account)?;
    let Some(zones) = account.sound_zones else {
        return Err(drift(call, "the account has no list of zones"));
    };
    let mut page = page(call, reply, zones, Zone::decode)?;
    page.account_name = account.business_name;
    Ok(page)
}

/// The kind of viewer that the token is, and one page of its accounts.
pub(super) fn accounts_page(call: &Call, reply: &Reply) -> Result<(String, Page<Account>), Error> {
    let Some(viewer) = root(call, reply)? else {
        return Err(drift(call, "the token is nobody"));
    };
    let viewer: ViewerData = read(call, viewer)?;
    let Some(accounts) = viewer.accounts else {
        let reason = "a token of this kind has no accounts";
        return Err(Error::misconfigured(&call.action, reason));
    };
    let page = page(call, reply, accounts, Account::decode)?;
    Ok((viewer.kind.unwrap_or_default(), page))
}

/// The payload of a write. A null without an error says neither that it worked nor that not.
pub(super) fn written<'a>(call: &Call, reply: &Reply<'a>) -> Result<&'a RawValue, Error> {
    let open = || unsure(call, drift(call, "the write has no payload"));
    root(call, reply)?.ok_or_else(open)
}

fn page<T>(
    call: &Call,
    reply: &Reply,
    connection: &RawValue,
    decode: impl Fn(&Value) -> Result<T, RecordError>,
) -> Result<Page<T>, Error> {
    let connection: Connection = read(call, connection)?;
    let nodes: Vec<&RawValue> = connection
        .edges
        .iter()
        .filter_map(|edge| edge.as_ref()?.node)
        .collect();
    let lost = connection.edges.len() - nodes.len();
    let items = nodes.into_iter().map(|node| item(node, &decode)).collect();
    Ok(Page {
        account_name: None,
        items,
        lost: u32::try_from(lost).unwrap_or(u32::MAX),
        next: next(call, &connection, lost)?,
        total: connection.total,
        partial: reply.partial,
        cost: None,
        server_date: None,
    })
}

fn item<T>(node: &RawValue, decode: impl Fn(&Value) -> Result<T, RecordError>) -> Item<T> {
    // Valid JSON may still hold half of a surrogate pair: a null here is an undecodable record, which keeps its id.
    let value: Value = serde_json::from_str(node.get()).unwrap_or_default();
    let only = serde_json::from_str::<OnlyId>(node.get()).ok();
    let id = only.and_then(|only| serde_json::from_str::<String>(only.id?.get()).ok());
    Item {
        id: id.filter(|id| !id.is_empty()),
        raw: node.to_owned(),
        decoded: decode(&value),
    }
}

fn next(call: &Call, connection: &Connection, lost: usize) -> Result<Next, Error> {
    let Some(info) = &connection.page_info else {
        return Ok(Next::Unclear);
    };
    let end_cursor = info
        .end_cursor
        .as_deref()
        .filter(|cursor| !cursor.is_empty());
    match (info.has_next_page, end_cursor) {
        (Some(true), Some(cursor)) if Some(cursor) == call.cursor() => {
            let (action, reason) = (call.action.clone(), "it gives the cursor it was asked with");
            Err(Error::PageInvalid { action, reason })
        }
        (Some(true), Some(cursor)) => Ok(Next::More(cursor.to_owned())),
        (Some(false), _) if lost > 0 => Ok(Next::Unclear),
        (Some(false), _) => {
            // On the first page, and only there, the count must be met by what came.
            let is_first = call.cursor().is_none();
            let short = connection
                .total
                .is_some_and(|total| total > connection.edges.len() as u64);
            Ok(if is_first && short {
                Next::Unclear
            } else {
                Next::End
            })
        }
        (Some(true) | None, _) => Ok(Next::Unclear),
    }
}

impl Account {
    fn decode(node: &Value) -> Result<Self, RecordError> {
        let fields = super::fields::Fields::of_record(node)?;
        Ok(Self {
            id: fields.id("id")?,
            business_name: fields.text("businessName")?,
        })
    }
}

/// What serde has to say is dropped: it quotes the values it does not like.
pub(super) fn read<'a, T: Deserialize<'a>>(call: &Call, raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get())
        .map_err(|_| unsure(call, drift(call, "the answer has another shape")))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
