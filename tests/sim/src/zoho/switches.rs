//! One switch for each thing the contract sheet marks as uncertain, so that a client can be shown
//! to work whichever way the vendor does it.

use serde::{Deserialize, Serialize};

/// How the simulated vendor behaves where its documents are silent or disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one open question of the sheet, and independent of the others"
)]
pub struct Switches {
    /// Access tokens that live at a time for one refresh token: 10, or 30 on other pages. One more
    /// kills the oldest.
    pub active_access_tokens: usize,
    /// Access tokens that may be asked for in ten minutes.
    pub mints_in_ten_minutes: usize,
    /// Asking while shut out begins the ten minutes anew.
    pub asking_prolongs: bool,
    pub access_token_life_s: u64,
    /// The status of an OAuth error: 200 recorded, 400 elsewhere.
    pub oauth_error_status: u16,
    /// The status of "Access Denied": 400 recorded, 200 in the customers' notes.
    pub denied_status: u16,
    /// "Access Denied" carries `"status":"failure"`.
    pub denied_says_failure: bool,
    /// A reply for a token names its scope.
    pub token_names_scope: bool,
    /// `Authorization: Bearer` does too.
    pub accepts_bearer: bool,
    /// The code of a 401: 57, or 14 for the old authtoken error.
    pub unauthorized_code: u16,
    pub wrong_organization: WrongOrganization,
    pub missing_item: MissingItem,
    /// Errors of the application come with HTTP 200.
    pub errors_in_200: bool,
    /// Ids are numbers, as in older replies, and not texts.
    pub numeric_ids: bool,
    /// Lists carry `page_context`.
    pub page_context: bool,
    /// Lists carry the stock of inventory items, which the vendor's own schema leaves out.
    pub stock_in_lists: bool,
    /// Times of change are dates alone.
    pub dates_alone: bool,
    /// Lists heed `last_modified_time`; if not, they give everything with a good status.
    pub heeds_last_modified: bool,
    /// A change of stock alone moves `last_modified_time`.
    pub stock_moves_last_modified: bool,
    /// Replies are dated by the clock that items are, which may be far from ours.
    pub dates_by_own_clock: bool,
    /// Items of one sort key keep their order from call to call.
    pub stable_ties: bool,
    /// More a page is cut to this, with the true size in `page_context`.
    pub max_per_page: usize,
    /// Calls a minute; `None` is without limit.
    pub per_minute: Option<usize>,
    pub over_minute: OverMinute,
    pub per_day: Option<usize>,
    pub in_process: Option<usize>,
    /// How long a listing is in process.
    pub takes_ms: u64,
    /// The status of "too many in process": 429 documented, others seen.
    pub in_process_status: u16,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            active_access_tokens: 10,
            mints_in_ten_minutes: 10,
            asking_prolongs: true,
            access_token_life_s: 3600,
            oauth_error_status: 200,
            denied_status: 400,
            denied_says_failure: true,
            token_names_scope: false,
            accepts_bearer: false,
            unauthorized_code: 57,
            wrong_organization: WrongOrganization::Code4029,
            missing_item: MissingItem::Http404Code1002,
            errors_in_200: false,
            numeric_ids: false,
            page_context: true,
            stock_in_lists: true,
            dates_alone: false,
            heeds_last_modified: true,
            stock_moves_last_modified: true,
            dates_by_own_clock: false,
            stable_ties: true,
            max_per_page: 200,
            per_minute: None,
            over_minute: OverMinute::Code44,
            per_day: None,
            in_process: None,
            takes_ms: 0,
            in_process_status: 429,
        }
    }
}

/// How a wrong organisation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WrongOrganization {
    Code4029,
    Code6041,
}

/// How an item that is not there is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingItem {
    Http404Code1002,
    Http400Code1002,
    Http400Code2006,
}

/// How a call over the limit of a minute is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverMinute {
    /// Documented: code 44, no word on when to come back.
    Code44,
    /// Measured: code 43, `Retry-After: 3600`, and an hour shut out.
    Code43ForAnHour,
}
