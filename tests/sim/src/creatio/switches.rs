//! One switch for each thing that the contract sheet marks as uncertain or says nothing of, so that a
//! client can be shown to work whichever way the vendor does it.

use serde::{Deserialize, Serialize};

use super::guid::GuidOrder;

/// How the simulated vendor behaves where its documents are silent or disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one open question of the sheet, and independent of the others"
)]
pub struct Switches {
    // The identity service and who may in.
    pub token_life_s: u64,
    /// A reply for a token names its scope.
    pub token_names_scope: bool,
    /// The status of `invalid_client`.
    pub bad_client_status: u16,
    pub unauthorized_body: UnauthorizedBody,
    /// Calls need `ForceUseSession: true`, as the documents say and clients with tokens do not all
    /// heed.
    pub needs_force_use_session: bool,
    /// What a read without the right gives.
    pub no_right: NoRight,

    // The service.
    /// The root is `/odata`, as of .NET builds, and not `/0/odata`.
    pub net_core: bool,
    /// `$metadata` says how long texts may be.
    pub metadata_tells_lengths: bool,
    /// How long `$metadata` takes: 2 to 9 s with the vendor.
    pub metadata_takes_ms: u64,
    pub throttle: Option<Throttle>,
    /// Replies are dated by the clock that records are, which may be far from ours.
    pub dates_by_own_clock: bool,

    // Queries.
    /// `$count=true` gives `@odata.count`.
    pub counts: bool,
    /// Records a page, each with `@odata.nextLink` if more follow; `None` gives no links.
    pub page_size: Option<usize>,
    /// Records a reply has at most.
    pub max_rows: usize,
    pub over_max_rows: OverMaxRows,
    /// `contains(…)`, `startswith(…)` and the like.
    pub filter_functions: bool,
    /// `QualifyStatus/Name eq 'New'`.
    pub filter_by_navigation: bool,
    pub time_literals: TimeLiterals,
    /// Texts are compared without case.
    pub text_ignores_case: bool,
    pub guid_order: GuidOrder,
    /// Records of one sort key keep their order from call to call.
    pub stable_ties: bool,
    pub empties: Empties,

    // Writes.
    /// A create may choose its `Id`; if not, the vendor puts another in its place.
    pub accepts_chosen_ids: bool,
    pub duplicate_id: DuplicateId,
    /// A zero guid or a time of the year 1 is taken for null; if not, the database refuses it.
    pub accepts_empties: bool,
    pub delete_status: u16,
    /// What was there once is 410, and not 404.
    pub deleted_is_gone: bool,
    /// Records carry `@odata.etag`, and `If-Match` is heeded.
    pub etags: bool,
    /// Faults of the database come in the JSON envelope, and not as a page.
    pub errors_in_envelope: bool,
    pub time_precision: TimePrecision,
    /// Texts lose the blanks around them.
    pub trims: bool,
    /// Telephone numbers lose all but their digits and plus.
    pub formats_phones: bool,
    pub over_length: OverLength,
    /// A change to the values that are there already moves `ModifiedOn`.
    pub same_values_touch: bool,
    /// A process of the vendor's runs after each save of a lead: it writes the lead's name and is
    /// the last to have modified it.
    pub process_after_save: bool,
    /// How long readers do not see a change.
    pub visible_after_ms: u64,

    // Batches.
    /// The parts of an atomicity group, or of a changeset, happen all or not at all.
    pub atomic_groups: bool,
    /// Replies to parts come in another order than their requests.
    pub batch_replies_reversed: bool,

    // What is in the world.
    /// The status that public code knows by its guid is "Completed", and not "In progress".
    pub known_status_is_completed: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            token_life_s: 3600,
            token_names_scope: true,
            bad_client_status: 400,
            unauthorized_body: UnauthorizedBody::Empty,
            needs_force_use_session: false,
            no_right: NoRight::Forbidden,
            net_core: false,
            metadata_tells_lengths: true,
            metadata_takes_ms: 0,
            throttle: None,
            dates_by_own_clock: false,
            counts: true,
            page_size: None,
            max_rows: 20_000,
            over_max_rows: OverMaxRows::Cut,
            filter_functions: true,
            filter_by_navigation: true,
            time_literals: TimeLiterals::Bare,
            text_ignores_case: true,
            guid_order: GuidOrder::Text,
            stable_ties: true,
            empties: Empties::Zeroes,
            accepts_chosen_ids: true,
            duplicate_id: DuplicateId::Http500,
            accepts_empties: false,
            delete_status: 204,
            deleted_is_gone: false,
            etags: false,
            errors_in_envelope: true,
            time_precision: TimePrecision::Micros,
            trims: true,
            formats_phones: false,
            over_length: OverLength::Refuse,
            same_values_touch: true,
            process_after_save: false,
            visible_after_ms: 0,
            atomic_groups: false,
            batch_replies_reversed: false,
            known_status_is_completed: true,
        }
    }
}

/// The body of a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnauthorizedBody {
    Empty,
    Html,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoRight {
    Forbidden,
    /// An empty list, and 404 for one record.
    Empty,
}

/// So many calls a minute, by the vendor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    pub per_minute: usize,
    /// 429 or 503.
    pub status: u16,
    #[serde(default)]
    pub retry_after_s: Option<u64>,
}

/// What happens to a query with more records than fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverMaxRows {
    /// The rest is left out in silence.
    Cut,
    Fail,
}

/// How a filter writes an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimeLiterals {
    /// `ModifiedOn gt 2026-09-01T00:00:00Z`
    Bare,
    /// `ModifiedOn gt '2026-09-01T00:00:00Z'`
    Quoted,
}

/// What an empty lookup, time or text comes back as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Empties {
    /// A zero guid, the year 1 and the empty text, as captured.
    Zeroes,
    Nulls,
}

/// The status of a create whose `Id` is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DuplicateId {
    Http400,
    Http409,
    Http500,
}

/// How exactly times are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimePrecision {
    Micros,
    Millis,
    Seconds,
}

/// What happens to a text that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverLength {
    Refuse,
    Cut,
}
