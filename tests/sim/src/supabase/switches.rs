//! One switch for each thing the contract sheet marks as uncertain or as a setting of the project.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How the simulated project behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one open question of the sheet, and independent of the others"
)]
pub struct Switches {
    /// Rows a reply has at most; more are cut off in silence. 1,000 when hosted, `None` for a
    /// PostgREST of one's own.
    pub max_rows: Option<usize>,
    /// A change of a whole table is refused, as safeupdate does.
    pub safe_update: bool,
    /// Counts are given when asked for.
    pub counts: bool,
    /// Replies carry `Content-Range`; a proxy could drop it.
    pub content_range: bool,
    /// Customers have integers for ids, and not UUIDs.
    pub integer_ids: bool,
    /// Rows of packages carry the id that the booking site knows them by.
    pub crm_package_ids: bool,
    /// The time of purchase is a date alone.
    pub purchases_are_dates: bool,
    /// What an expired JWT is called: PGRST303, or PGRST301 in older releases.
    pub expired_is_301: bool,
    /// Tables and functions that the schema cache has not learnt of yet.
    pub not_in_schema_cache: BTreeSet<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            max_rows: Some(1_000),
            safe_update: true,
            counts: true,
            content_range: true,
            integer_ids: false,
            crm_package_ids: true,
            purchases_are_dates: false,
            expired_is_301: false,
            not_in_schema_cache: BTreeSet::new(),
        }
    }
}
