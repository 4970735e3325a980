//! The items of one organisation, and how they change.

use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;
use crate::wire::Clock;

/// One item as the vendor holds it. Prices and stock are decimal texts: no float ever holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: u64,
    pub name: String,
    /// Empty is blank; others may have the same.
    pub sku: String,
    pub description: String,
    pub unit: String,
    pub status: String,
    pub item_type: String,
    pub product_type: String,
    pub rate: String,
    /// Only inventory items have one.
    pub stock: Option<String>,
    /// Seconds since 1970.
    pub created_s: i64,
    pub modified_s: i64,
}

/// A change of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "change",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Change {
    AddItem {
        name: String,
        sku: String,
        rate: String,
    },
    ChangeItem {
        id: u64,
        patch: ItemPatch,
    },
    DeleteItem {
        id: u64,
    },
}

/// The fields of an item to set; the others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemPatch {
    pub name: Option<String>,
    pub sku: Option<String>,
    pub rate: Option<String>,
    pub stock: Option<String>,
    pub status: Option<String>,
    /// Seconds since 1970, in the place of the vendor's clock: that of a machine that was wrong.
    pub modified_s: Option<i64>,
}

#[derive(Debug)]
pub(super) struct World {
    /// Oldest first.
    items: Vec<Item>,
    next_id: u64,
}

/// Ids are wider than 2^53: a client that reads them as floats confuses them.
const FIRST_ID: u64 = 481_500_000_004_420_801;

const RATES: [&str; 8] = [
    "6.0",
    "0",
    "0.00",
    "19.99",
    "0.1",
    "1234.005",
    "12345678901234567.89",
    "7",
];

const STOCKS: [&str; 7] = ["50.0", "0", "-3.5", "12.345", "1000000", "0.25", "-1"];

impl World {
    pub(super) fn generate(seed: u64, items: u32) -> Self {
        let mut entropy = Entropy::seeded(seed);
        let mut world = Self {
            items: Vec::new(),
            next_id: FIRST_ID,
        };
        for nth in 0..i64::from(items) {
            let item = world.invent(&mut entropy, nth);
            world.items.push(item);
        }
        world
    }

    fn invent(&mut self, entropy: &mut Entropy, nth: i64) -> Item {
        // Imports make many items in one second, so the time of making has ties.
        let created_s = Clock::EPOCH_S - 40 * 86_400 + nth / 3 * 60;
        let sku = match nth % 11 {
            3 => String::new(),
            5 => "SK-TWIN".to_owned(),
            _ => format!("SK-{nth:05}"),
        };
        let is_service = nth % 13 == 7;
        let pick = |entropy: &mut Entropy, from: &[&str]| (*entropy.pick(from)).to_owned();
        Item {
            id: self.new_id(),
            name: format!("Item {:04} № {nth}", entropy.below(10_000)),
            sku,
            description: format!("line one of {nth}\nline two"),
            unit: pick(entropy, &["qty", "kg", "box"]),
            status: if nth % 9 == 4 { "inactive" } else { "active" }.to_owned(),
            item_type: if is_service { "sales" } else { "inventory" }.to_owned(),
            product_type: if is_service { "service" } else { "goods" }.to_owned(),
            rate: pick(entropy, &RATES),
            stock: (!is_service).then(|| pick(entropy, &STOCKS)),
            created_s,
            modified_s: created_s + i64::try_from(entropy.below(30 * 86_400)).unwrap_or(0),
        }
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn find(&self, id: u64) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// `stock_counts`: whether a change of stock alone is a modification.
    pub(super) fn apply(
        &mut self,
        change: Change,
        now_s: i64,
        stock_counts: bool,
    ) -> Result<String, String> {
        match change {
            Change::AddItem { name, sku, rate } => Ok(self.add(name, sku, rate, now_s)),
            Change::ChangeItem { id, patch } => {
                let found = self.items.iter_mut().find(|item| item.id == id);
                let item = found.ok_or_else(|| format!("there is no item {id}"))?;
                let stamp = patch.modified_s;
                if patch.set(item) || stock_counts || stamp.is_some() {
                    item.modified_s = stamp.unwrap_or(now_s);
                }
                Ok(id.to_string())
            }
            Change::DeleteItem { id } => {
                let at = self.items.iter().position(|item| item.id == id);
                self.items
                    .remove(at.ok_or_else(|| format!("there is no item {id}"))?);
                Ok(id.to_string())
            }
        }
    }

    fn add(&mut self, name: String, sku: String, rate: String, now_s: i64) -> String {
        let item = Item {
            id: self.new_id(),
            name,
            sku,
            description: String::new(),
            unit: "qty".to_owned(),
            status: "active".to_owned(),
            item_type: "inventory".to_owned(),
            product_type: "goods".to_owned(),
            rate,
            stock: Some("0".to_owned()),
            created_s: now_s,
            modified_s: now_s,
        };
        let id = item.id.to_string();
        self.items.push(item);
        id
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 2;
        self.next_id
    }
}

impl ItemPatch {
    /// Says whether anything but the stock was set.
    fn set(self, item: &mut Item) -> bool {
        let mut more = false;
        let mut put = |value: Option<String>, field: &mut String| {
            if let Some(value) = value {
                *field = value;
                more = true;
            }
        };
        put(self.name, &mut item.name);
        put(self.sku, &mut item.sku);
        put(self.rate, &mut item.rate);
        put(self.status, &mut item.status);
        if self.stock.is_some() {
            item.stock = self.stock;
        }
        more
    }
}
