//! The one table from what went wrong to what becomes of the job.
//!
//! | verdict of the remote | the job | why |
//! | --- | --- | --- |
//! | Retry | tries again after its backoff | passing trouble |
//! | Throttled | waits as long as the remote or the budget says; no attempt lost | nobody's fault |
//! | PageInvalid | tries again; the run begins its walk anew | the cursor is worthless, the listing is not |
//! | AuthExpired | tries again after its backoff | the credential can be refreshed |
//! | AuthRevoked | dead | a person must give another credential |
//! | Forbidden | dead | a person must grant it, or correct the account |
//! | Gone | dead; nothing is marked as gone | a wrong account id looks the same |
//! | Rejected | dead | the same record is refused again |
//! | SchemaDrift | dead | our code no longer knows the remote |
//! | Misconfigured | dead | a setting of ours must change |
//! | Unknown | dead | a write may have worked: look before it is sent again |
//! | Ok, OkPartial | tries again | not a fault, so an error that says so is a bug |
//!
//! A connection whose renewed token is not accepted is parked (`src/connection/keeper.rs`): its jobs wait for a
//! person, whatever the verdict, and lose no attempt.
//!
//! For the breaker of the connection, Ok and OkPartial are good news; Retry, AuthExpired, AuthRevoked and
//! Unknown are bad news; the rest is none: the remote works.

use std::time::Duration;

use connectors::Verdict;
use engine::{Again, Failure, Health};

use crate::Error;

/// When the remote refuses for its price and neither it nor the budget says for how long.
const THROTTLED: Duration = Duration::from_secs(10);
/// A wait of nothing would be a loop over the queue.
const SHORTEST: Duration = Duration::from_millis(100);
/// Until the other job of the same partition has likely ended.
const BUSY: Duration = Duration::from_secs(2);
/// Until every process has heard that the connection is parked.
const PARKED: Duration = Duration::from_secs(2);

impl From<&Error> for Failure {
    fn from(error: &Error) -> Failure {
        let again = match error {
            Error::Remote(fault) => of_verdict(&fault.verdict()),
            Error::UnknownCompany(_)
            | Error::NoAccount { .. }
            | Error::AccountTaken
            | Error::Invalid(_)
            | Error::UnknownProfile(_)
            | Error::UnknownReview(_)
            | Error::ReviewDecided(_)
            | Error::Decided(_)
            | Error::NoSuch { .. }
            | Error::NotConfigured { .. }
            | Error::UnknownConnection(_)
            | Error::NoSecret { .. }
            | Error::GivenElsewhere { .. }
            | Error::Mapping { .. }
            // As a verdict of schema drift: our code no longer knows the remote.
            | Error::PageUnreadable { .. }
            // The table would refuse the same.
            | Error::PageRefused { .. }
            // The same program would count the same.
            | Error::Miscounted { .. }
            | Error::Migrate(_) => Again::Never,
            // By then the pause is in force, and puts the job off without asking it.
            Error::Parked { .. } => Again::Uncounted(PARKED),
            Error::Busy { .. } => Again::Uncounted(BUSY),
            Error::SliceOver => Again::Uncounted(SHORTEST),
            // A wait passes through here too.
            Error::Engine(error) => error.again(),
            Error::TooManyBad { .. }
            | Error::RunLost(_)
            | Error::Stopped
            | Error::Unproven(_)
            | Error::NoKey
            | Error::KeyMissing { .. }
            | Error::KeyWrong { .. }
            | Error::Unsealable { .. }
            | Error::Database(_) => Again::Backoff,
        };
        Failure::from_error(error.code(), error).again(again)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::from(&error)
    }
}

/// The table above.
fn of_verdict(verdict: &Verdict) -> Again {
    match verdict {
        Verdict::Throttled { after } => Again::Uncounted(after.unwrap_or(THROTTLED).max(SHORTEST)),
        Verdict::AuthRevoked
        | Verdict::Forbidden
        | Verdict::Gone
        | Verdict::Rejected { .. }
        | Verdict::SchemaDrift
        | Verdict::Misconfigured
        | Verdict::Unknown => Again::Never,
        Verdict::Retry
        | Verdict::PageInvalid
        | Verdict::AuthExpired
        | Verdict::Ok
        | Verdict::OkPartial => Again::Backoff,
        // A verdict that is newer than this table: the attempts bound what it can cost.
        _ => Again::Backoff,
    }
}

/// What the end of a call says of its connection, for the breaker. A remote that says no to one record
/// or one price works.
pub(crate) fn health(verdict: &Verdict) -> Health {
    match verdict {
        Verdict::Ok | Verdict::OkPartial => Health::Good,
        Verdict::Retry | Verdict::AuthExpired | Verdict::AuthRevoked | Verdict::Unknown => {
            Health::Bad
        }
        // Refusals, rejected records, things that are not there, and contracts that differ.
        _ => Health::Neutral,
    }
}

/// The stable word of a remote fault, for people, groups and lists of failed companies.
pub(crate) fn code(error: &connectors::Error) -> &'static str {
    use connectors::Error as Remote;
    match error {
        Remote::Unreachable { .. } => "unreachable",
        Remote::NoAnswer { .. } => "no_answer",
        Remote::RemoteFailed { .. } => "remote_failed",
        Remote::Throttled { .. } => "throttled",
        Remote::AuthExpired { .. } => "auth_expired",
        Remote::CredentialUnavailable { .. } => "credential_unavailable",
        Remote::AuthRevoked { .. } => "auth_revoked",
        Remote::Forbidden { .. } => "forbidden",
        Remote::Gone { .. } => "gone",
        Remote::Rejected { .. } => "rejected",
        Remote::PageInvalid { .. } => "page_invalid",
        Remote::SchemaDrift { .. } => "schema_drift",
        Remote::Misconfigured { .. } => "misconfigured",
        Remote::UnknownOutcome { .. } => "unknown_outcome",
        _ => "remote",
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
