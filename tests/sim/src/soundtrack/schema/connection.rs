//! Relay connections: pages of a list, with cursors of either sort.

use std::cmp::Ordering;

use async_graphql::{Enum, Error, InputObject, OutputType, Result, SimpleObject};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::account::AccountNode;
use super::caller::bad_input;
use super::location::LocationNode;
use super::zone::ZoneNode;
use crate::soundtrack::switches::{Cursors, Switches};

#[derive(SimpleObject)]
#[graphql(concrete(name = "AccountConnection", params(AccountNode)))]
#[graphql(concrete(name = "LocationConnection", params(LocationNode)))]
#[graphql(concrete(name = "SoundZoneConnection", params(ZoneNode)))]
pub(super) struct Connection<T>
where
    T: OutputType,
    Edge<T>: OutputType,
{
    pub(super) edges: Vec<Edge<T>>,
    pub(super) page_info: PageInfo,
    pub(super) total: i64,
}

#[derive(SimpleObject)]
#[graphql(concrete(name = "AccountEdge", params(AccountNode)))]
#[graphql(concrete(name = "LocationEdge", params(LocationNode)))]
#[graphql(concrete(name = "SoundZoneEdge", params(ZoneNode)))]
pub(super) struct Edge<T: OutputType> {
    pub(super) cursor: String,
    pub(super) node: Option<T>,
}

#[derive(SimpleObject)]
pub(super) struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "OrderDirection", rename_items = "SCREAMING_SNAKE_CASE")]
pub(super) enum Direction {
    Asc,
    Desc,
}

/// The order of `accounts`, which has one field to sort by.
#[derive(InputObject)]
pub(super) struct AccountOrderInput {
    pub(super) field: AccountOrderField,
    pub(super) direction: Direction,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountOrderField {
    BusinessName,
}

/// The order of `locations` and of a location's `soundZones`.
#[derive(InputObject)]
pub(super) struct NameOrderInput {
    pub(super) field: NameOrderField,
    pub(super) direction: Direction,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOrderField {
    Name,
}

/// The paging arguments that every list takes.
#[derive(Debug, Default)]
pub(super) struct PageArgs {
    pub(super) first: Option<i32>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// How a list is sorted. A key ends in the id, so no two entries have the same.
pub(super) struct Order<'a, T> {
    pub(super) key: &'a (dyn Fn(&T) -> Vec<String> + Sync),
    /// One for each part of the key but the id, which always ascends.
    pub(super) directions: &'a [Direction],
}

impl<T> Order<'_, T> {
    pub(super) fn compare(&self, left: &[String], right: &[String]) -> Ordering {
        for (nth, (one, other)) in left.iter().zip(right).enumerate() {
            let ordering = match self.directions.get(nth) {
                Some(Direction::Desc) => other.cmp(one),
                _ => one.cmp(other),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        left.len().cmp(&right.len())
    }
}

/// Takes the page that `args` ask for out of `items`, which are sorted by `order`.
///
/// # Errors
/// When a page size is above the maximum or negative, or a cursor is none of ours.
pub(super) fn page<T: Clone, N: OutputType>(
    items: &[T],
    order: &Order<'_, T>,
    args: &PageArgs,
    switches: &Switches,
    node: impl Fn(T) -> Option<N>,
) -> Result<Connection<N>>
where
    Edge<N>: OutputType,
{
    let mut start = match &args.after {
        Some(cursor) => place(items, order, cursor, switches, Ordering::is_le)?,
        None => 0,
    };
    let mut end = match &args.before {
        Some(cursor) => place(items, order, cursor, switches, Ordering::is_lt)?,
        None => items.len(),
    };
    end = end.max(start);
    match (
        size("first", args.first, switches)?,
        size("last", args.last, switches)?,
    ) {
        (None, Some(last)) => start = start.max(end.saturating_sub(last)),
        (Some(first), last) => {
            end = end.min(start + first);
            start = start.max(end.saturating_sub(last.unwrap_or(usize::MAX)));
        }
        (None, None) => end = end.min(start + switches.default_page_size as usize),
    }
    let cursor = |nth: usize| match switches.cursors {
        Cursors::Offset => STANDARD.encode(format!("arrayconnection:{nth}")),
        Cursors::Keyset => STANDARD.encode(format!("key:{}", key_text(order, &items[nth]))),
    };
    let edges: Vec<Edge<N>> = (start..end)
        .map(|nth| Edge {
            cursor: cursor(nth),
            node: node(items[nth].clone()),
        })
        .collect();
    let page_info = PageInfo {
        has_next_page: end < items.len(),
        has_previous_page: start > 0,
        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
    };
    Ok(Connection {
        edges,
        page_info,
        total: items.len() as i64,
    })
}

fn size(name: &str, asked: Option<i32>, switches: &Switches) -> Result<Option<usize>> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    let limit = switches.max_page_size;
    match u32::try_from(asked) {
        Ok(size) if size <= limit => Ok(Some(size as usize)),
        _ => Err(bad_input(name, &format!("must be between 0 and {limit}"))),
    }
}

/// How many of the items stand before the place a cursor means: those whose comparison with the
/// cursor `is_before` accepts.
fn place<T>(
    items: &[T],
    order: &Order<'_, T>,
    cursor: &str,
    switches: &Switches,
    is_before: fn(Ordering) -> bool,
) -> Result<usize> {
    let text = STANDARD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let found = text.and_then(|text| match switches.cursors {
        Cursors::Offset => {
            let nth: usize = text.strip_prefix("arrayconnection:")?.parse().ok()?;
            let own = usize::from(is_before(Ordering::Equal));
            Some(nth.saturating_add(own).min(items.len()))
        }
        Cursors::Keyset => {
            let key: Vec<String> = serde_json::from_str(text.strip_prefix("key:")?).ok()?;
            let before = |item: &T| is_before(order.compare(&(order.key)(item), &key));
            Some(items.partition_point(before))
        }
    });
    found.ok_or_else(|| Error::new("Invalid cursor"))
}

fn key_text<T>(order: &Order<'_, T>, item: &T) -> String {
    serde_json::json!((order.key)(item)).to_string()
}
