//! Listing items, and writing them as the vendor does.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::{Value, json};

use super::switches::Switches;
use super::world::Item;
use crate::wire::Clock;

/// The query of a listing, checked.
#[derive(Debug)]
pub(super) struct Listing {
    page: usize,
    per_page: usize,
    column: Column,
    descending: bool,
    since_s: Option<i64>,
    active: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Column {
    Name,
    Sku,
    Created,
    Modified,
}

impl Column {
    fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Sku => "sku",
            Self::Created => "created_time",
            Self::Modified => "last_modified_time",
        }
    }
}

impl Listing {
    /// # Errors
    /// The name of the parameter that is not understood.
    pub(super) fn read(
        query: &HashMap<String, String>,
        switches: &Switches,
    ) -> Result<Self, &'static str> {
        let get = |name: &str| query.get(name).map(String::as_str);
        let number = |name: &'static str, default: usize| match get(name) {
            None => Ok(default),
            // A published client sends `page=True`.
            Some(text) => text.parse::<usize>().ok().filter(|n| *n > 0).ok_or(name),
        };
        let column = match get("sort_column") {
            None | Some("name") => Column::Name,
            Some("sku") => Column::Sku,
            Some("created_time") => Column::Created,
            Some("last_modified_time") => Column::Modified,
            Some(_) => return Err("sort_column"),
        };
        let since_s = match get("last_modified_time") {
            None => None,
            Some(_) if !switches.heeds_last_modified => None,
            Some(text) => {
                let instant = text.parse::<jiff::Timestamp>();
                Some(instant.map_err(|_| "last_modified_time")?.as_second())
            }
        };
        let active = match (get("status"), get("filter_by")) {
            (Some("active"), _) | (_, Some("Status.Active")) => Some(true),
            (Some("inactive"), _) | (_, Some("Status.Inactive")) => Some(false),
            (Some(_), _) => return Err("status"),
            (None, None | Some("Status.All")) => None,
            (None, Some(_)) => return Err("filter_by"),
        };
        Ok(Self {
            page: number("page", 1)?,
            per_page: number("per_page", 200)?.min(switches.max_per_page),
            column,
            descending: get("sort_order") == Some("D"),
            since_s,
            active,
        })
    }

    /// `nth` counts the listings: where ties are not stable, each breaks them in its own way.
    pub(super) fn answer(&self, items: &[Item], switches: &Switches, nth: u64) -> String {
        let mut found: Vec<&Item> = items.iter().filter(|item| self.has(item)).collect();
        found.sort_by(|left, right| {
            let tie = if switches.stable_ties {
                left.id.cmp(&right.id)
            } else {
                let turned = |id: u64| (id / 2).wrapping_mul(nth * 2 + 1) % 7;
                turned(left.id).cmp(&turned(right.id))
            };
            self.order(left, right).then(tie)
        });
        let from = (self.page - 1).saturating_mul(self.per_page);
        let page = found.iter().skip(from).take(self.per_page);
        let rows: Vec<String> = page
            .map(|item| written(item, switches, switches.stock_in_lists))
            .collect();
        let context = json!({
            "page": self.page,
            "per_page": self.per_page,
            "has_more_page": found.len() > from.saturating_add(self.per_page),
            "report_name": "Items",
            "applied_filter": "Status.All",
            "sort_column": self.column.word(),
            "sort_order": if self.descending { "D" } else { "A" },
        });
        let context = if switches.page_context {
            format!(",\"page_context\":{context}")
        } else {
            String::new()
        };
        let rows = rows.join(",");
        format!("{{\"code\":0,\"message\":\"success\",\"items\":[{rows}]{context}}}")
    }

    fn has(&self, item: &Item) -> bool {
        let since = self.since_s.is_none_or(|since| item.modified_s > since);
        let active = self
            .active
            .is_none_or(|active| (item.status == "active") == active);
        since && active
    }

    fn order(&self, left: &Item, right: &Item) -> Ordering {
        let order = match self.column {
            Column::Name => left.name.cmp(&right.name),
            Column::Sku => left.sku.cmp(&right.sku),
            Column::Created => left.created_s.cmp(&right.created_s),
            Column::Modified => left.modified_s.cmp(&right.modified_s),
        };
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }
}

/// One item's JSON. Numbers are written from their texts, so that no float comes between.
pub(super) fn written(item: &Item, switches: &Switches, with_stock: bool) -> String {
    let id: Value = if switches.numeric_ids {
        json!(item.id)
    } else {
        json!(item.id.to_string())
    };
    let time = |seconds: i64| {
        let instant = Clock::instant(seconds);
        let format = if switches.dates_alone {
            "%Y-%m-%d"
        } else {
            "%Y-%m-%dT%H:%M:%S+0000"
        };
        instant.strftime(format).to_string()
    };
    let fields = json!({
        "item_id": id,
        "name": item.name,
        "sku": item.sku,
        "status": item.status,
        "item_type": item.item_type,
        "product_type": item.product_type,
        "description": item.description,
        "unit": item.unit,
        "is_taxable": true,
        "created_time": time(item.created_s),
        "last_modified_time": time(item.modified_s),
        "custom_fields": [],
    });
    let mut text = fields.to_string();
    text.pop();
    text += &format!(",\"rate\":{}", item.rate);
    if let Some(stock) = item.stock.as_deref().filter(|_| with_stock) {
        let stock = if stock.is_empty() { "\"\"" } else { stock };
        for name in ["stock_on_hand", "available_stock", "actual_available_stock"] {
            text += &format!(",\"{name}\":{stock}");
        }
    }
    text + "}"
}
