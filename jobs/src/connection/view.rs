//! Connections and credentials as people see them. No secret is in here.

use jiff::Timestamp;
use serde::Serialize;

/// Whether a connection may be used, as far as its credential goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Active,
    /// A person has paused it.
    Paused,
    /// The remote does not take its credential any more: a person must give another.
    NeedsReauthorisation,
    /// It was in the settings once and is not any more.
    Undeclared,
}

/// How good a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    /// Not all of its secrets were given.
    Missing,
    /// They are to come from the environment, and this process's does not have them. Others may: it is proof of nothing.
    NotHere,
    /// All secrets are there; whether the remote takes them was not tried, or it did.
    Valid,
    /// The access token is renewed by whoever needs it next.
    Expiring,
    /// The access token has run out; it is renewed by whoever needs it next.
    Expired,
    /// The remote does not take it.
    Revoked,
}

impl State {
    /// The word of outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Paused => "paused",
            State::NeedsReauthorisation => "needs_reauthorisation",
            State::Undeclared => "undeclared",
        }
    }
}

impl CredentialStatus {
    /// The word of outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CredentialStatus::Missing => "missing",
            CredentialStatus::NotHere => "not_here",
            CredentialStatus::Valid => "valid",
            CredentialStatus::Expiring => "expiring",
            CredentialStatus::Expired => "expired",
            CredentialStatus::Revoked => "revoked",
        }
    }
}

/// A connection with how it is.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// `<service>/<account>`.
    pub name: String,
    pub service: String,
    /// Zoho's data centre.
    pub region: Option<String>,
    pub base_url: String,
    pub state: State,
    /// Who paused it, `lockstep` when it did itself.
    pub paused_by: Option<String>,
    /// Why it is not active.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    pub credential: CredentialStatus,
    /// Where secrets are to come from and this process finds none: `variable ZOHO_SECRET`.
    pub lacking: Vec<String>,
    /// When its access token runs out.
    pub expires_at: Option<Timestamp>,
    /// When its access token was last renewed.
    pub refreshed_at: Option<Timestamp>,
    /// How often that was.
    pub renewals: i64,
    /// To the minute.
    pub used_at: Option<Timestamp>,
    /// The stable word of what last went wrong with a renewal.
    pub code: Option<String>,
}

impl View {
    /// Whether this process itself has what the connection needs.
    #[must_use]
    pub fn is_usable_here(&self) -> bool {
        self.credential != CredentialStatus::Missing && self.lacking.is_empty()
    }
}

/// A secret, as far as it may be told.
#[derive(Debug, Clone, Serialize)]
pub struct SecretView {
    /// Whose.
    pub connection: String,
    pub field: String,
    /// What it is.
    pub says: String,
    /// `database`, or the place outside it; none when it was not given.
    pub origin: Option<String>,
    /// Its first four and last two characters, if it is long enough.
    pub shown: Option<String>,
    /// Counts the values there were.
    pub version: Option<i64>,
    /// The key that seals it.
    pub key: Option<String>,
    pub set_by: Option<String>,
    pub set_at: Option<Timestamp>,
    /// Why it cannot be opened here.
    pub problem: Option<String>,
}

/// A connection as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) region: Option<String>,
    pub(crate) base_url: String,
    pub(crate) state: State,
    pub(crate) state_reason: Option<String>,
    pub(crate) state_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    /// The secrets that are stored.
    pub(crate) fields: Vec<String>,
    pub(crate) credential: Credential,
}

/// A credential as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) is_revoked: bool,
    pub(crate) is_expired: bool,
    pub(crate) is_expiring: bool,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) refreshed_at: Option<Timestamp>,
    pub(crate) version: i64,
    pub(crate) code: Option<String>,
}

impl Credential {
    /// As far as its secrets go it is `given`. An access token is proof that somebody has them.
    pub(crate) fn status(&self, given: CredentialStatus) -> CredentialStatus {
        match self {
            _ if self.is_revoked => CredentialStatus::Revoked,
            _ if given == CredentialStatus::Missing => CredentialStatus::Missing,
            _ if self.is_expired => CredentialStatus::Expired,
            _ if self.is_expiring => CredentialStatus::Expiring,
            _ if self.expires_at.is_some() => CredentialStatus::Valid,
            _ => given,
        }
    }
}
