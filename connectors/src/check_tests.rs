use std::time::Duration;

use super::*;

fn secs(secs: i64) -> Option<SignedDuration> {
    Some(SignedDuration::from_secs(secs))
}

fn soundtrack(accounts: u32, offset: Option<SignedDuration>) -> soundtrack::Probe {
    soundtrack::Probe {
        accounts_visible: accounts,
        more_accounts: false,
        account: (accounts > 0).then(|| "acc".to_owned()),
        viewer_kind: "PublicAPIClient".into(),
        cost: Some(3),
        tokens_available: Some(97),
        server_clock_offset: offset,
    }
}

fn zoho(offset: Option<SignedDuration>) -> zoho::Probe {
    zoho::Probe {
        organization: None,
        item: None,
        calls: 2,
        server_clock_offset: offset,
        elapsed: Duration::ZERO,
    }
}

fn creatio(contacts: Option<u64>, unreadable: Vec<&'static str>) -> creatio::Probe {
    creatio::Probe {
        contacts_visible: contacts,
        contact: contacts.filter(|seen| *seen > 0).map(|_| uuid::Uuid::nil()),
        unreadable,
        calls: 5,
        server_clock_offset: secs(0),
        elapsed: Duration::ZERO,
    }
}

fn supabase(customers: Option<u64>, packages_callable: bool) -> supabase::Probe {
    supabase::Probe {
        customers_visible: customers,
        customer: None,
        packages_callable,
        calls: 3,
        server_clock_offset: secs(0),
        elapsed: Duration::ZERO,
    }
}

fn of(findings: &[Finding], question: Question) -> &Finding {
    let found = findings.iter().find(|one| one.question == question);
    found.expect("an answer to each question")
}

/// The questions that were answered with no, each of which must say what to do.
fn bad(findings: &[Finding]) -> Vec<Question> {
    assert_eq!(findings.len(), Question::ALL.len());
    let bad = findings.iter().filter(|one| !one.is_good);
    bad.map(|one| {
        assert!(one.fix.is_some(), "{one:?}");
        one.question
    })
    .collect()
}

#[test]
fn a_clock_that_is_more_than_a_minute_off_is_found_either_way() {
    let table = [
        (None, true),
        (secs(0), true),
        (secs(60), true),
        (secs(-60), true),
        (secs(61), false),
        (secs(-61), false),
        (secs(86_400), false),
    ];
    for (offset, is_good) in table {
        for findings in [
            of_soundtrack(&soundtrack(1, offset)),
            of_zoho(&zoho(offset)),
        ] {
            let clock = of(&findings, Question::Clock);

            assert_eq!(clock.is_good, is_good, "{offset:?}");
            let says_ntp = clock.fix.as_ref().is_some_and(|fix| fix.contains("NTP"));
            assert_eq!(says_ntp, !is_good, "{offset:?}");
        }
    }
    let behind = of_soundtrack(&soundtrack(1, secs(-300)));
    assert!(of(&behind, Question::Clock).found.contains("-300 s"));
}

#[test]
fn a_credential_that_sees_nothing_lacks_rights_and_a_record() {
    let nothing = [Question::Rights, Question::Record];

    assert_eq!(bad(&of_soundtrack(&soundtrack(0, secs(0)))), nothing);
    assert_eq!(bad(&of_creatio(&creatio(Some(0), vec![]))), nothing);
    assert_eq!(bad(&of_supabase(&supabase(Some(0), true))), nothing);
}

#[test]
fn a_right_that_is_missing_is_named() {
    let findings = of_creatio(&creatio(Some(7), vec!["Lead", "Activity"]));
    assert_eq!(bad(&findings), [Question::Rights]);
    let rights = of(&findings, Question::Rights);
    assert!(rights.found.contains("may not read Lead, Activity"));

    let findings = of_supabase(&supabase(None, false));
    let rights = of(&findings, Question::Rights);
    assert!(!rights.is_good);
    assert!(rights.found.contains("may not ask for packages"));
}

#[test]
fn an_organisation_without_items_is_no_fault_of_its_connection() {
    let findings = of_zoho(&zoho(secs(0)));

    assert_eq!(bad(&findings), []);
    assert!(
        of(&findings, Question::Record)
            .found
            .contains("no item yet")
    );
}

#[test]
fn an_error_is_the_answer_to_the_question_that_it_is_about() {
    let action = || "try".to_owned();
    let table = [
        (Error::AuthRevoked { action: action() }, Question::Auth),
        (Error::AuthExpired { action: action() }, Question::Auth),
        (Error::Forbidden { action: action() }, Question::Rights),
        (Error::Gone { action: action() }, Question::Rights),
        (
            Error::SchemaDrift {
                action: action(),
                reason: "shape".into(),
            },
            Question::Record,
        ),
        (
            Error::NoAnswer {
                action: action(),
                source: None,
            },
            Question::Auth,
        ),
    ];
    for (error, question) in table {
        let findings = failed(&error);

        assert!(findings.iter().all(|one| !one.is_good), "{error}");
        let blamed: Vec<_> = findings.iter().filter(|one| one.fix.is_some()).collect();
        assert_eq!(blamed.len(), 1, "{error}");
        assert_eq!(blamed[0].question, question, "{error}");
    }
}
