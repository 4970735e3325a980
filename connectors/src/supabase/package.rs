//! A package of a customer: hours that were paid for.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::RecordError;
use crate::record::Record;

/// One row of `get_packages_by_hash_id`. Hours are exact; `None` is an unlimited package or one that the
/// CRM says nothing of, and never zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// The row's id in the CRM: digits or a UUID. Opaque.
    pub id: String,
    /// The id that the booking site knows it by, if the CRM gives one.
    pub crm_package_id: Option<String>,
    pub stable_hash: Option<String>,
    pub name: Option<String>,
    pub display_name: Option<String>,
    /// "Monthly", "Unlimited", "Coaching"; free text.
    pub category: Option<String>,
    pub total_hours: Option<Decimal>,
    pub used_hours: Option<Decimal>,
    pub remaining_hours: Option<Decimal>,
    /// How many people may use it at a time.
    pub pax: Option<u32>,
    /// "6 months"; free text.
    pub validity: Option<String>,
    pub first_used_on: Option<Date>,
    /// A date of the shop's, not an instant (sheet trap 8).
    pub expires_on: Option<Date>,
    /// At the shop.
    pub purchased_on: Option<Date>,
}

/// Names are in no log: only the ids are shown.
impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package")
            .field("id", &self.id)
            .field("crm_package_id", &self.crm_package_id)
            .finish_non_exhaustive()
    }
}

impl Package {
    pub(super) fn decode(raw: &RawValue, shop: Offset) -> Result<Self, RecordError> {
        let record = Record::read(raw)?;
        // Given by every version of the function; one that is left out is no null.
        for name in ["expiration_date", "calculated_remaining_hours"] {
            if !record.has(name) {
                return Err(crate::record::not(name, "present"));
            }
        }
        Ok(Self {
            id: record.id("id")?,
            crm_package_id: record.maybe_id("crm_package_id")?,
            stable_hash: record.maybe_text("stable_hash_id")?,
            name: record.maybe_text("package_name_from_def")?,
            display_name: record.maybe_text("package_display_name_from_def")?,
            category: record.maybe_text("package_type_from_def")?,
            total_hours: record.maybe_decimal("package_total_hours_from_def")?,
            used_hours: record.maybe_decimal("calculated_used_hours")?,
            remaining_hours: record.maybe_decimal("calculated_remaining_hours")?,
            pax: record.maybe_count("package_pax_from_def")?,
            validity: record.maybe_text("package_validity_period_from_def")?,
            first_used_on: record.maybe_date("first_use_date")?,
            expires_on: record.maybe_date("expiration_date")?,
            purchased_on: record.maybe_date_at("created_at_for_purchase_date", shop)?,
        })
    }
}
