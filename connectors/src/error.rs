//! What can go wrong with a call, named for the caller.
//!
//! No variant holds a body, a header or a remote's free text: those carry names, numbers and
//! secrets of people. What a variant does hold is capped.

use std::time::Duration;

/// What kind of fault an error is. `jobs` turns this, and nothing else, into an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The whole answer is there.
    Ok,
    /// The answer is there except for parts the contract allows to be missing.
    OkPartial,
    /// Passing trouble, and nothing was changed: the same call may be sent again.
    Retry,
    /// Refused for its price. `after` is the wait the remote named or the budget computed.
    Throttled { after: Option<Duration> },
    /// The credential is too old and can be refreshed.
    AuthExpired,
    /// The credential is dead; a person must give another.
    AuthRevoked,
    /// The credential is good and may not see this.
    Forbidden,
    /// The remote says that the thing does not exist.
    Gone,
    /// The remote refuses this one record as it is.
    Rejected { record: Option<String> },
    /// The page or its cursor is of no use: start the walk again.
    PageInvalid,
    /// The remote no longer speaks the contract we were written for.
    SchemaDrift,
    /// A setting of ours is wrong; repeating cannot help.
    Misconfigured,
    /// A write was sent and its end is not known: look before it is sent again.
    Unknown,
}

/// Why a call did not give its answer. `action` says what was attempted and with which id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection was made, so nothing was sent, not even a write.
    #[error("could not connect to {action}")]
    Unreachable {
        action: String,
        source: reqwest::Error,
    },
    /// A read was sent; the answer did not come in time or broke off.
    #[error("got no whole answer to {action}")]
    NoAnswer {
        action: String,
        source: Option<reqwest::Error>,
    },
    /// The remote answered that it failed. `code` is an HTTP status or a GraphQL error code.
    #[error("the remote failed with {code} to {action}")]
    RemoteFailed { action: String, code: String },
    /// The rate limit refused the call, or would have. `cost` and `available` are tokens.
    #[error("the rate limit does not allow to {action} now")]
    Throttled {
        action: String,
        after: Option<Duration>,
        cost: Option<u32>,
        available: Option<u32>,
    },
    /// The credential has run out and can be refreshed.
    #[error("the credential has expired, could not {action}")]
    AuthExpired { action: String },
    /// Whoever keeps the credential could not lend it now. Nothing was sent.
    #[error("the credential cannot be had now, {reason}, to {action}")]
    CredentialUnavailable { action: String, reason: String },
    /// The credential is not, or no longer, accepted and cannot be refreshed.
    #[error("the credential is not accepted, could not {action}")]
    AuthRevoked { action: String },
    /// The credential may not do or see this.
    #[error("the credential is not allowed to {action}")]
    Forbidden { action: String },
    /// The remote says that what was asked for does not exist.
    #[error("the remote knows no such thing, could not {action}")]
    Gone { action: String },
    /// The remote refuses this record. `fields` are names of input fields, never their values.
    #[error("the remote rejected with {code} to {action} (fields: {})", .fields.join(", "))]
    Rejected {
        action: String,
        record: Option<String>,
        code: String,
        fields: Vec<String>,
    },
    /// The page cannot be part of a walk.
    #[error("the page is not usable, {reason}, to {action}")]
    PageInvalid {
        action: String,
        reason: &'static str,
    },
    /// The answer does not follow the contract, or the remote no longer knows our question.
    #[error("the remote left the contract, {reason}, to {action}")]
    SchemaDrift { action: String, reason: String },
    /// A setting is wrong.
    #[error("cannot {action}: {reason}")]
    Misconfigured { action: String, reason: String },
    /// A write was sent and it is not known whether it took effect.
    #[error("it is not known whether it took effect to {action}")]
    UnknownOutcome {
        action: String,
        source: Option<Box<Error>>,
    },
}

impl Error {
    /// The kind of fault, for the one table in `jobs/src/verdict.rs`.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::RemoteFailed { .. }
            | Self::CredentialUnavailable { .. } => Verdict::Retry,
            Self::Throttled { after, .. } => Verdict::Throttled { after: *after },
            Self::AuthExpired { .. } => Verdict::AuthExpired,
            Self::AuthRevoked { .. } => Verdict::AuthRevoked,
            Self::Forbidden { .. } => Verdict::Forbidden,
            Self::Gone { .. } => Verdict::Gone,
            Self::Rejected { record, .. } => Verdict::Rejected {
                record: record.clone(),
            },
            Self::PageInvalid { .. } => Verdict::PageInvalid,
            Self::SchemaDrift { .. } => Verdict::SchemaDrift,
            Self::Misconfigured { .. } => Verdict::Misconfigured,
            Self::UnknownOutcome { .. } => Verdict::Unknown,
        }
    }

    pub(crate) fn misconfigured(action: &str, reason: &str) -> Self {
        Self::Misconfigured {
            action: action.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Why one record of an answer could not be read. Names the field and what was expected of it,
/// never the value found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} is not {expected}")]
pub struct RecordError {
    /// Path of the field inside the record, dots between the names.
    pub field: String,
    /// What the contract says it is, in words.
    pub expected: &'static str,
}
