//! The faults of the simulated vendor.

use serde::{Deserialize, Serialize};

use super::world::Change;
use crate::fault::When;

/// A fault, whom it is for and when it strikes. As JSON all of it is one flat object:
/// `{"kind": "httpStatus", "status": 503, "account": "…", "times": 2}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Only calls that name this account, or something of it; `None` is every call.
    #[serde(default)]
    pub account: Option<String>,
    /// Only this zone; for the faults of a zone.
    #[serde(default)]
    pub zone: Option<String>,
    /// Only calls of this operation name.
    #[serde(default)]
    pub operation: Option<String>,
    #[serde(flatten)]
    pub when: When,
}

/// What goes wrong. An occasion is one call, save for `FieldError` and `NullNode`, where it is one
/// zone in a reply, `Forbidden`, where it is one account read, and `Change`, where it is one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum FaultKind {
    /// HTTP 401, as for a token that was revoked.
    Unauthenticated,
    /// The account is null with the error `Forbidden`, HTTP 200.
    Forbidden,
    /// HTTP 200, an error and no data.
    NullData { message: String },
    /// Partial data: this field of a zone is null with an error, the rest is kept.
    FieldError { field: ZoneField, code: String },
    /// An edge without its node.
    NullNode,
    /// A gateway's reply; the call had no effect.
    HttpStatus { status: u16 },
    /// The call is carried out and its reply held back.
    Slow { delay_ms: u64 },
    /// The call is carried out and its connection closed after some bytes of the reply's body.
    CutReply { after_bytes: usize },
    /// The call is carried out and half of the reply's JSON comes, as a complete HTTP reply.
    MalformedJson,
    /// The call is carried out and its valid reply is this much longer.
    OverlongBody { bytes: usize },
    /// The world changes just after a page of zones was read: in the middle of a walk.
    Change { change: Change },
}

/// The nullable fields of a zone, which can fail on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ZoneField {
    Account,
    Location,
    Device,
    NowPlaying,
    PlayFrom,
    Schedule,
    Playback,
}

impl Fault {
    /// A fault for everyone, always.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            account: None,
            zone: None,
            operation: None,
            when: When::default(),
        }
    }

    #[must_use]
    pub fn on_account(mut self, id: impl Into<String>) -> Self {
        self.account = Some(id.into());
        self
    }

    #[must_use]
    pub fn on_zone(mut self, id: impl Into<String>) -> Self {
        self.zone = Some(id.into());
        self
    }

    #[must_use]
    pub fn on_operation(mut self, name: impl Into<String>) -> Self {
        self.operation = Some(name.into());
        self
    }

    /// Lets this many occasions pass first.
    #[must_use]
    pub fn after(mut self, occasions: u32) -> Self {
        self.when.after = occasions;
        self
    }

    /// Strikes so often and is then spent.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.when.times = Some(times);
        self
    }

    /// Strikes with this probability, 0.0 to 1.0.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.when.chance = probability;
        self
    }

    pub(super) fn is_for(&self, account: Option<&str>, zone: Option<&str>) -> bool {
        let account_fits = self.account.is_none() || self.account.as_deref() == account;
        let zone_fits = self.zone.is_none() || self.zone.as_deref() == zone;
        account_fits && zone_fits
    }

    /// For the faults that strike whole calls.
    pub(super) fn is_for_call(&self, operation: &str, accounts: &[String]) -> bool {
        let account_fits = self.account.as_ref().is_none_or(|id| accounts.contains(id));
        self.operation
            .as_deref()
            .is_none_or(|name| name == operation)
            && account_fits
    }
}
