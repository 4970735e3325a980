//! `$filter`, each form of it.

use serde_json::{Value, json};
use sim::creatio::{Change, GuidOrder, TimeLiterals};

use super::{Api, column, guid, ids, why};

/// The ids of the leads that a person would choose.
fn chosen(api: &Api, choose: impl Fn(&Value) -> bool) -> Vec<String> {
    let records = api.simulator.records("Lead");
    let records = records.iter().filter(|record| choose(record));
    records.map(|record| text(record, "Id")).collect()
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}

type Choose<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn case<'a>(
    filter: impl Into<String>,
    choose: impl Fn(&Value) -> bool + 'a,
) -> (String, Choose<'a>) {
    (filter.into(), Box::new(choose))
}

async fn each_finds_its_own(api: &Api, cases: Vec<(String, Choose<'_>)>) {
    for (filter, choose) in cases {
        let expected = chosen(api, choose);

        assert_eq!(api.found("Lead", &filter).await, expected, "{filter}");
    }
}

fn email(lead: &Value) -> String {
    text(lead, "Email").to_lowercase()
}

fn score(lead: &Value) -> i64 {
    lead["PredictiveScore"].as_i64().unwrap()
}

#[tokio::test]
async fn comparisons_choose_by_guid_lookup_text_time_and_number() {
    let api = Api::start().await;
    let new = api
        .simulator
        .lookup("QualifyStatus", "New")
        .unwrap()
        .to_string();
    let at = chosen(&api, |_| true)[12].clone();
    let lead = api.simulator.record("Lead", guid(&json!(at))).unwrap();
    let when = text(&lead, "ModifiedOn");
    let (at, when, new) = (at.as_str(), when.as_str(), new.as_str());
    let cases = vec![
        case(format!("Id eq {at}"), |lead| text(lead, "Id") == at),
        case(format!("Id ne {at}"), |lead| text(lead, "Id") != at),
        case(format!("Id gt {at}"), |lead| text(lead, "Id").as_str() > at),
        case(format!("QualifyStatusId eq {new}"), |lead| {
            text(lead, "QualifyStatusId") == new
        }),
        case("QualifyStatus/Name eq 'New'", |lead| {
            text(lead, "QualifyStatusId") == new
        }),
        case("Contact eq 'Miles O''Brien'", |lead| {
            text(lead, "Contact") == "Miles O'Brien"
        }),
        case(format!("ModifiedOn gt {when}"), |lead| {
            text(lead, "ModifiedOn").as_str() > when
        }),
        case(format!("ModifiedOn ge {when}"), |lead| {
            text(lead, "ModifiedOn").as_str() >= when
        }),
        case(format!("ModifiedOn lt {when}"), |lead| {
            text(lead, "ModifiedOn").as_str() < when
        }),
        case(format!("ModifiedOn le {when}"), |lead| {
            text(lead, "ModifiedOn").as_str() <= when
        }),
        case("Email eq null", |lead| lead["Email"].is_null()),
        case("Email ne null", |lead| !lead["Email"].is_null()),
        case("Budget eq 1500.50", |lead| lead["Budget"] == "1500.50"),
        case("StartLeadManagementProcess eq true", |_| false),
    ];

    each_finds_its_own(&api, cases).await;
}

#[tokio::test]
async fn not_binds_before_and_and_and_before_or() {
    let api = Api::start().await;
    let cases = vec![
        case("PredictiveScore gt 5 and PredictiveScore le 10", |lead| {
            (6..=10).contains(&score(lead))
        }),
        case("PredictiveScore lt 2 or PredictiveScore ge 24", |lead| {
            !(2..24).contains(&score(lead))
        }),
        case(
            "PredictiveScore eq 1 or PredictiveScore eq 2 and Id eq null",
            |lead| score(lead) == 1,
        ),
        case(
            "(PredictiveScore eq 1 or PredictiveScore eq 2) and Id eq null",
            |_| false,
        ),
        case("not (PredictiveScore gt 3)", |lead| score(lead) <= 3),
        case(
            "not contains(Email,'person') and PredictiveScore gt 3",
            |lead| !email(lead).contains("person") && score(lead) > 3,
        ),
        case("not (not (PredictiveScore gt 3))", |lead| score(lead) > 3),
    ];

    each_finds_its_own(&api, cases).await;
}

#[tokio::test]
async fn functions_are_of_texts_and_of_times() {
    let api = Api::start().await;
    let date = "year(DecisionDate) eq 2026 and month(DecisionDate) eq 1 and day(DecisionDate) eq 2";
    let cases = vec![
        case("contains(Email,'N1')", |lead| email(lead).contains("n1")),
        case("startswith(Email,'Person.1')", |lead| {
            email(lead).starts_with("person.1")
        }),
        case("endswith(tolower(Email),'2@example.test')", |lead| {
            email(lead).ends_with("2@example.test")
        }),
        case("length(Email) eq 20", |lead| email(lead).len() == 20),
        case("indexof(Email,'1') eq 6", |lead| {
            email(lead).find('1') == Some(6)
        }),
        case("concat(trim(Zip),toupper('a')) eq 'A'", |_| true),
        case(date, |lead| {
            text(lead, "DecisionDate").starts_with("2026-01-02")
        }),
        case("ModifiedOn lt now()", |_| true),
    ];

    each_finds_its_own(&api, cases).await;
}

#[tokio::test]
async fn what_is_no_filter_is_refused_in_the_words_of_the_query() {
    let api = Api::start().await;
    for filter in [
        "Id eq",
        "Id",
        "Id eq null)",
        "(Id eq null",
        "Nothing eq 1",
        "QualifyStatus/Nothing eq 1",
        "Contact/Name eq 'x'",
        "OwnerId eq 'x'",
        "OwnerId eq guid'3b9f1667-165a-4dbf-b422-4d490c214605'",
        "ModifiedOn gt datetime'2026-01-01T00:00:00'",
        "Email eq 'open",
        "Email eq 1",
        "nothing(Email) eq 'x'",
        "contains(Email)",
        "contains(Budget,'1')",
        "Email like 'x'",
        "Id eq null and",
    ] {
        let answer = api.list("Lead", &[("$filter", filter)]).await;

        assert_eq!(answer.status, 400, "{filter}: {}", answer.text);
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("The query specified in the URI is not valid."));
        assert_eq!(answer.body["error"]["code"], "");
    }
    let answer = api.list("Lead", &[("$filter", "OwnerId eq 'x'")]).await;
    assert!(why(&answer).contains("'Edm.Guid' and 'Edm.String' for operator kind 'Equal'"));
}

#[tokio::test]
async fn texts_are_compared_with_or_without_case() {
    for (ignores_case, found) in [(true, 1), (false, 0)] {
        let api = Api::with(|switches| switches.text_ignores_case = ignores_case).await;

        for filter in [
            "Email eq 'person.1@example.test'",
            "contains(Email,'person.1@')",
        ] {
            assert_eq!(api.found("Lead", filter).await.len(), found, "{filter}");
        }
    }
}

#[tokio::test]
async fn functions_and_ways_through_lookups_may_be_missing() {
    let api = Api::with(|switches| {
        switches.filter_functions = false;
        switches.filter_by_navigation = false;
    })
    .await;
    for filter in ["contains(Email,'x')", "QualifyStatus/Name eq 'New'"] {
        let answer = api.list("Lead", &[("$filter", filter)]).await;

        assert_eq!(answer.status, 400, "{filter}");
    }
    assert_eq!(api.found("Lead", "Email ne null").await.len(), 20);
}

#[tokio::test]
async fn instants_are_bare_or_quoted() {
    let bare = "ModifiedOn ge 2025-01-01T00:00:00Z";
    let quoted = "ModifiedOn ge '2025-01-01T00:00:00Z'";
    for (literals, good, bad) in [
        (TimeLiterals::Bare, bare, quoted),
        (TimeLiterals::Quoted, quoted, bare),
    ] {
        let api = Api::with(|switches| switches.time_literals = literals).await;

        assert_eq!(api.found("Lead", good).await.len(), 25);
        assert_eq!(
            api.list("Lead", &[("$filter", bad)]).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn an_instant_with_an_offset_is_the_same_instant() {
    let api = Api::start().await;
    let lead = json!({"LeadName": "x", "ModifiedOn": "2026-05-01T10:00:00Z"});
    api.simulator.change(Change::add("Lead", lead)).unwrap();

    let found = api
        .found("Lead", "ModifiedOn eq 2026-05-01T12:00:00+02:00")
        .await;

    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn guids_are_in_the_order_of_the_database() {
    let low = "ffffffff-0000-4000-8000-000000000001";
    let high = "00000000-0000-4000-8000-000000000002";
    for (order, ordered) in [
        (GuidOrder::Text, [high, low]),
        (GuidOrder::SqlServer, [low, high]),
    ] {
        let api = Api::start().await;
        api.change(|switches| switches.guid_order = order);
        for id in [low, high] {
            let lead = json!({"Id": id, "LeadName": "pair", "ModifiedOn": "2026-05-01T10:00:00Z"});
            api.simulator.change(Change::add("Lead", lead)).unwrap();
        }
        let filter = "LeadName eq 'pair'";
        let after = format!("{filter} and Id gt {}", ordered[0]);

        for order in ["Id", "Id asc", "ModifiedOn,Id", "LeadName,Id"] {
            let options = [("$filter", filter), ("$orderby", order), ("$select", "Id")];
            assert_eq!(ids(&api.list("Lead", &options).await), ordered, "{order}");
        }
        assert_eq!(api.found("Lead", &after).await, [ordered[1]]);
        let newest = [
            ("$orderby", "ModifiedOn desc,Id desc"),
            ("$top", "1"),
            ("$select", "Id"),
        ];
        let newest = api.list("Lead", &newest).await;
        assert_eq!(column(&newest, "Id"), [ordered[1]]);
    }
}
