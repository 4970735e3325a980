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
mod tests {
    use connectors::Error as Remote;

    use super::*;

    fn action() -> String {
        "list zones of account x".into()
    }

    #[test]
    fn every_remote_fault_has_its_code_and_its_outcome() {
        let minute = Duration::from_secs(60);
        let throttled = |after| Remote::Throttled {
            action: action(),
            after,
            cost: None,
            available: None,
        };
        let table = [
            (
                Remote::NoAnswer {
                    action: action(),
                    source: None,
                },
                "no_answer",
                Again::Backoff,
            ),
            (
                Remote::RemoteFailed {
                    action: action(),
                    code: "503".into(),
                },
                "remote_failed",
                Again::Backoff,
            ),
            (
                throttled(Some(minute)),
                "throttled",
                Again::Uncounted(minute),
            ),
            (
                throttled(Some(Duration::ZERO)),
                "throttled",
                Again::Uncounted(SHORTEST),
            ),
            (throttled(None), "throttled", Again::Uncounted(THROTTLED)),
            (
                Remote::AuthExpired { action: action() },
                "auth_expired",
                Again::Backoff,
            ),
            (
                Remote::AuthRevoked { action: action() },
                "auth_revoked",
                Again::Never,
            ),
            (
                Remote::Forbidden { action: action() },
                "forbidden",
                Again::Never,
            ),
            (Remote::Gone { action: action() }, "gone", Again::Never),
            (
                Remote::Rejected {
                    action: action(),
                    record: None,
                    code: "X".into(),
                    fields: vec![],
                },
                "rejected",
                Again::Never,
            ),
            (
                Remote::PageInvalid {
                    action: action(),
                    reason: "cursor",
                },
                "page_invalid",
                Again::Backoff,
            ),
            (
                Remote::SchemaDrift {
                    action: action(),
                    reason: "shape".into(),
                },
                "schema_drift",
                Again::Never,
            ),
            (
                Remote::Misconfigured {
                    action: action(),
                    reason: "host".into(),
                },
                "misconfigured",
                Again::Never,
            ),
            (
                Remote::UnknownOutcome {
                    action: action(),
                    source: None,
                },
                "unknown_outcome",
                Again::Never,
            ),
        ];
        for (fault, code, again) in table {
            let failure = Failure::from(Error::Remote(fault));

            assert_eq!((failure.code.as_str(), failure.again), (code, again));
            assert!(failure.message.contains("account x"), "{}", failure.message);
        }
    }

    #[test]
    fn every_fault_of_ours_has_its_code_and_its_outcome() {
        let job_id = uuid::Uuid::nil();
        let table = [
            (Error::UnknownCompany(7), "unknown_company", Again::Never),
            (
                Error::NoAccount {
                    id: 7,
                    name: "Inn".into(),
                },
                "no_account",
                Again::Never,
            ),
            (Error::AccountTaken, "account_taken", Again::Never),
            (Error::Invalid("name".into()), "invalid", Again::Never),
            (
                Error::NotConfigured {
                    system: "soundtrack",
                },
                "not_configured",
                Again::Never,
            ),
            (
                Error::TooManyBad {
                    bad: 30,
                    fetched: 40,
                },
                "too_many_bad_records",
                Again::Backoff,
            ),
            (Error::SliceOver, "slice_over", Again::Uncounted(SHORTEST)),
            (
                Error::Busy {
                    partition: "company 7".into(),
                    job_id,
                },
                "busy",
                Again::Uncounted(BUSY),
            ),
            (Error::RunLost(1), "run_lost", Again::Backoff),
            (Error::Stopped, "stopped", Again::Backoff),
            (
                Error::Engine(engine::Error::NoJob(job_id)),
                "not_found",
                Again::Backoff,
            ),
            (
                Error::Database(sqlx::Error::PoolTimedOut),
                "database",
                Again::Backoff,
            ),
        ];
        for (fault, code, again) in table {
            let failure = Failure::from(fault);

            assert_eq!((failure.code.as_str(), failure.again), (code, again));
        }
    }

    #[test]
    fn verdicts_that_no_error_gives_today_have_an_outcome_too() {
        for verdict in [Verdict::Ok, Verdict::OkPartial] {
            assert_eq!(of_verdict(&verdict), Again::Backoff, "{verdict:?}");
        }
    }

    #[test]
    fn only_faults_of_the_connection_count_against_it() {
        let table = [
            (Verdict::Ok, Health::Good),
            (Verdict::OkPartial, Health::Good),
            (Verdict::Retry, Health::Bad),
            (Verdict::AuthExpired, Health::Bad),
            (Verdict::AuthRevoked, Health::Bad),
            (Verdict::Unknown, Health::Bad),
            (Verdict::Throttled { after: None }, Health::Neutral),
            (Verdict::Rejected { record: None }, Health::Neutral),
            (Verdict::Gone, Health::Neutral),
            (Verdict::Forbidden, Health::Neutral),
            (Verdict::PageInvalid, Health::Neutral),
            (Verdict::SchemaDrift, Health::Neutral),
            (Verdict::Misconfigured, Health::Neutral),
        ];
        for (verdict, expected) in table {
            assert_eq!(health(&verdict), expected, "{verdict:?}");
        }
    }

    #[test]
    fn a_company_without_an_account_is_told_in_the_words_that_callers_know() {
        let failure = Failure::from(Error::NoAccount {
            id: 7,
            name: "Hilton Pattaya".into(),
        });

        assert_eq!(
            failure.message,
            "Company \"Hilton Pattaya\" has no Soundtrack account ID configured"
        );
    }
}
