//! An item of the inventory, as the sync stores it (brief S3).

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::RecordError;
use crate::record::{Record, not};

/// One item. Its identity is the organisation and `id`: SKUs may be blank and may be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Digits, up to 19 of them. Opaque.
    pub id: String,
    pub name: String,
    /// `None` if blank.
    pub sku: Option<String>,
    pub description: Option<String>,
    /// "qty", "kg"; free text.
    pub unit: Option<String>,
    /// `inventory`, `sales`, `purchases`, `sales_and_purchases`; a word of the remote.
    pub item_type: Option<String>,
    /// `rate`, in the organisation's currency, exact. Zero is a price; `None` is none given.
    pub price: Option<Decimal>,
    /// `stock_on_hand`, exact; may be negative. `None` means that the remote does not say: neither
    /// zero nor a reason to forget what is stored.
    pub stock: Option<Decimal>,
    pub status: ItemStatus,
    pub created_at: Option<Timestamp>,
    /// Does not surely move when only the stock does. A date alone is read as the earliest instant
    /// that it can mean.
    pub modified_at: Option<Timestamp>,
}

impl Item {
    /// `status == "active"`, and nothing else.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == ItemStatus::Active
    }

    pub(super) fn decode(raw: &RawValue) -> Result<Self, RecordError> {
        let record = Record::read(raw)?;
        let id = record.id("item_id")?;
        if id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not("item_id", "an id of up to 20 digits"));
        }
        // In the vendor's own schema of lists; one that is left out is no null.
        if !record.has("rate") {
            return Err(not("rate", "present"));
        }
        Ok(Self {
            id,
            name: record.text("name")?,
            sku: record.maybe_text("sku")?.map(|sku| sku.trim().to_owned()),
            description: record.maybe_text("description")?,
            unit: record.maybe_text("unit")?,
            item_type: record.maybe_text("item_type")?,
            price: record.maybe_decimal("rate")?,
            stock: record.maybe_decimal("stock_on_hand")?,
            status: ItemStatus::of(record.text("status")?),
            created_at: record.maybe_earliest("created_time")?,
            modified_at: record.maybe_earliest("last_modified_time")?,
        })
    }
}

/// Whether an item is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemStatus {
    Active,
    Inactive,
    /// A word that is newer than this code.
    Other(String),
}

impl ItemStatus {
    fn of(word: String) -> Self {
        match word.as_str() {
            "active" => Self::Active,
            "inactive" => Self::Inactive,
            _ => Self::Other(word),
        }
    }

    /// The remote's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Other(word) => word,
        }
    }
}

#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
