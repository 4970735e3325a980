//! What each verdict means for the job.

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
        (
            Error::PageUnreadable {
                bad: 20,
                field: "rate".into(),
                expected: "a number".into(),
            },
            "page_unreadable",
            Again::Never,
        ),
        (
            Error::PageRefused {
                bad: 20,
                refused: 19,
                expected: "one that the database takes (no_curse)".into(),
            },
            "page_refused",
            Again::Never,
        ),
        (
            Error::Miscounted {
                fetched: 40,
                accounted: 39,
            },
            "miscounted",
            Again::Never,
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
