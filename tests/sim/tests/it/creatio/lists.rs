//! Lists: columns, order, pages, counts, expansions and the limit of rows.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sim::creatio::{Change, Config, OverMaxRows};
use sim::wire::Hook;

use super::{Api, column, guid, ids, why};
use crate::support::Answer;

#[tokio::test]
async fn a_list_has_its_context_and_its_headers() {
    let api = Api::start().await;

    let answer = api
        .list("Lead", &[("$select", "Id,LeadName"), ("$top", "2")])
        .await;

    let context = format!("{}/$metadata#Lead(Id,LeadName)", api.simulator.url());
    assert_eq!(answer.body["@odata.context"], context);
    assert_eq!(answer.headers["odata-version"], "4.0");
    let media = &answer.headers["content-type"];
    assert_eq!(media, "application/json; odata.metadata=minimal");
    let row = answer.body["value"][0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["Id", "LeadName"]);
    assert_eq!(ids(&answer).len(), 2);
}

#[tokio::test]
async fn one_column_that_is_not_there_spoils_the_whole_query() {
    let api = Api::start().await;
    for (option, value) in [
        ("$select", "Id,QualifyStatus"),
        ("$select", "Id,AccountName"),
        ("$orderby", "Surname"),
        ("$orderby", "Id sideways"),
        ("$expand", "Nothing"),
        ("$expand", "QualifyStatusId"),
        ("$expand", "QualifyStatus($select=Nothing)"),
        ("$top", "-1"),
        ("$skip", "x"),
        ("$count", "maybe"),
        ("$search", "x"),
    ] {
        let answer = api.list("Lead", &[(option, value)]).await;

        assert_eq!(answer.status, 400, "{option}={value}");
    }
    let unknown = api.list("Lead", &[("$select", "QualifyStatus")]).await;
    let message = "Could not find a property named 'QualifyStatus' on type \
                   'Terrasoft.Configuration.Lead'.";
    assert_eq!(why(&unknown), message);
    assert_eq!(api.get("Nothing").await.status, 404);
}

#[tokio::test]
async fn a_count_comes_with_the_list_or_alone() {
    for counts in [true, false] {
        let api = Api::with(|switches| switches.counts = counts).await;

        let none = api.get("Lead?$count=true&$top=0").await;
        let some = api
            .list(
                "Lead",
                &[
                    ("$count", "true"),
                    ("$filter", "PredictiveScore lt 3"),
                    ("$top", "1"),
                ],
            )
            .await;
        let alone = api.get("Lead/$count").await;
        let filtered = api
            .get("Lead/$count?$filter=PredictiveScore%20lt%203")
            .await;

        let given = |count: u64| if counts { json!(count) } else { Value::Null };
        assert_eq!(
            (&none.body["@odata.count"], &none.body["value"]),
            (&given(25), &json!([]))
        );
        assert_eq!(some.body["@odata.count"], given(3));
        assert_eq!((alone.text.as_str(), filtered.text.as_str()), ("25", "3"));
    }
}

#[tokio::test]
async fn order_goes_by_any_column_and_through_lookups() {
    let api = Api::start().await;
    for (order, name, descending) in [
        ("LeadName", "LeadName", false),
        ("LeadName desc", "LeadName", true),
        ("ModifiedOn asc", "ModifiedOn", false),
        ("ModifiedOn desc", "ModifiedOn", true),
    ] {
        let answer = api.list("Lead", &[("$orderby", order)]).await;

        let given = column(&answer, name);
        let mut sorted = given.clone();
        sorted.sort_by_key(|text| text.to_lowercase());
        if descending {
            sorted.reverse();
        }
        assert_eq!(given, sorted, "{order}");
    }
    let options = [
        ("$orderby", "QualifyStatus/Name desc,Id"),
        ("$expand", "QualifyStatus"),
    ];
    let answer = api.list("Lead", &options).await;
    let rows = answer.body["value"].as_array().unwrap().iter();
    let names: Vec<&str> = rows
        .map(|row| row["QualifyStatus"]["Name"].as_str().unwrap())
        .collect();
    assert!(names.windows(2).all(|pair| pair[0] >= pair[1]), "{names:?}");
}

#[tokio::test]
async fn records_behind_lookups_come_with_their_columns_or_some() {
    let api = Api::start().await;
    let expand =
        "QualifyStatus($select=Name),QualifiedContact($select=Id;$expand=Type($select=Name))";

    let answer = api
        .list("Lead", &[("$select", "Id"), ("$expand", expand)])
        .await;

    let context = answer.body["@odata.context"].as_str().unwrap();
    let shape = "#Lead(Id,QualifyStatus(Name),QualifiedContact(Id,Type(Name)))";
    assert!(context.ends_with(shape), "{context}");
    for row in answer.body["value"].as_array().unwrap() {
        let lead = api.simulator.record("Lead", guid(&row["Id"])).unwrap();
        let status = api
            .simulator
            .record("QualifyStatus", guid(&lead["QualifyStatusId"]));
        assert_eq!(
            row["QualifyStatus"],
            json!({"Name": status.unwrap()["Name"]})
        );
        assert_eq!(row["QualifiedContact"]["Id"], lead["QualifiedContactId"]);
        assert_eq!(
            row["QualifiedContact"].is_null(),
            lead["QualifiedContactId"].is_null()
        );
    }
    let whole = api
        .list("Lead", &[("$expand", "QualifyStatus"), ("$top", "1")])
        .await;
    assert!(whole.body["value"][0]["QualifyStatus"]["StageNumber"].is_number());
}

#[tokio::test]
async fn pages_by_skip_lose_records_while_others_change_and_a_keyset_does_not() {
    let api = Api::start().await;
    let all: BTreeSet<String> = ids(&api.get("Lead?$select=Id").await).into_iter().collect();
    let first = ids(&api
        .list(
            "Lead",
            &[("$orderby", "Id"), ("$top", "10"), ("$select", "Id")],
        )
        .await);
    let gone = guid(&json!(first[0]));
    let unlink = json!({"LeadId": null});
    for activity in api.simulator.records("Activity") {
        let id = guid(&activity["Id"]);
        api.simulator
            .change(Change::set("Activity", id, unlink.clone()))
            .unwrap();
    }
    let delete = Change::delete("Lead", gone);
    api.simulator.before_listing(Hook::before(1, delete));

    let options = [("$orderby", "Id"), ("$skip", "10"), ("$select", "Id")];
    let skipped = ids(&api.list("Lead", &options).await);
    let keyset = api.found("Lead", &format!("Id gt {}", first[9])).await;

    let met = |rest: &[String]| first.iter().chain(rest).cloned().collect::<BTreeSet<_>>();
    assert_eq!((met(&skipped).len(), met(&keyset).len()), (24, 25));
    assert_eq!(met(&keyset), all);
}

/// All records that a keyset over the instant of change and the id meets, in pages of four.
async fn walked(api: &Api) -> Vec<String> {
    let (mut met, mut last): (Vec<String>, Option<Value>) = (Vec::new(), None);
    loop {
        let after = last.map(|row| {
            let (at, id) = (
                row["ModifiedOn"].as_str().unwrap(),
                row["Id"].as_str().unwrap(),
            );
            format!("ModifiedOn gt {at} or (ModifiedOn eq {at} and Id gt {id})")
        });
        let filter = after.unwrap_or_else(|| "ModifiedOn ge 2020-01-01T00:00:00Z".to_owned());
        let options = [
            ("$filter", filter.as_str()),
            ("$orderby", "ModifiedOn asc,Id asc"),
            ("$top", "4"),
            ("$select", "Id,ModifiedOn"),
        ];
        let page: Answer = api.list("Lead", &options).await;
        met.extend(ids(&page));
        match page.body["value"].as_array().unwrap().last() {
            Some(row) => last = Some(row.clone()),
            None => return met,
        }
    }
}

#[tokio::test]
async fn a_keyset_over_ties_meets_every_record_once() {
    for stable_ties in [true, false] {
        let api = Api::with(|switches| switches.stable_ties = stable_ties).await;
        let options = [("$orderby", "ModifiedOn,Id"), ("$select", "Id")];

        let met = walked(&api).await;

        assert_eq!(met, ids(&api.list("Lead", &options).await));
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 25);
    }
}

#[tokio::test]
async fn ties_and_lists_without_an_order_may_be_shuffled_from_call_to_call() {
    for (stable_ties, orders) in [(true, 1), (false, 2)] {
        let api = Api::with(|switches| switches.stable_ties = stable_ties).await;
        for options in [vec![("$orderby", "ModifiedOn")], vec![]] {
            let mut seen = BTreeSet::new();
            for _ in 0..4 {
                seen.insert(ids(&api.list("Lead", &options).await));
            }

            assert!(seen.len() >= orders, "{options:?}");
            assert!(orders > 1 || seen.len() == 1, "{options:?}");
        }
    }
}

#[tokio::test]
async fn no_link_leads_on_unless_the_vendor_makes_pages() {
    let api = Api::start().await;
    assert_eq!(
        api.get("Lead?$top=5").await.body["@odata.nextLink"],
        Value::Null
    );
    api.change(|switches| switches.page_size = Some(10));
    let mut met = Vec::new();
    let mut url = format!(
        "{}/Lead?$select=Id&$orderby=Id&$top=23",
        api.simulator.url()
    );

    loop {
        let request = api.http.get(&url).bearer_auth(api.simulator.mint());
        let page = crate::support::read(request.send().await.unwrap()).await;
        met.extend(ids(&page));
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut url),
            None => break,
        }
    }

    let all = ids(&api
        .list("Lead", &[("$orderby", "Id"), ("$select", "Id")])
        .await);
    assert_eq!(all.len(), 10);
    assert_eq!((met.len(), &met[..10]), (23, &all[..]));
}

#[tokio::test]
async fn more_rows_than_the_limit_are_cut_or_fail_the_query() {
    let api = Api::with(|switches| switches.max_rows = 10).await;
    let cut = api.get("Lead?$select=Id&$count=true").await;
    assert_eq!(
        (ids(&cut).len(), &cut.body["@odata.count"]),
        (10, &json!(25))
    );
    api.change(|switches| switches.over_max_rows = OverMaxRows::Fail);

    let over = api.get("Lead?$select=Id").await;
    let within = api.get("Lead?$select=Id&$top=10").await;

    assert_eq!((over.status, within.status), (500, 200));
    assert!(why(&over).contains("MaxEntityRowCount"));
}

#[tokio::test]
async fn a_record_its_fields_and_what_it_looks_up_have_addresses() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let lead = api.simulator.record("Lead", id).unwrap();
    let at = |rest: &str| format!("Lead({id}){rest}");

    let one = api.get(&at("?$select=Id,LeadName")).await;
    let field = api.get(&at("/LeadName")).await;
    let value = api.get(&at("/LeadName/$value")).await;
    let status = api.get(&at("/QualifyStatus")).await;
    let missing = api
        .get(&format!("Lead({})", sim::creatio::Guid::ZERO))
        .await;

    let context = one.body["@odata.context"].as_str().unwrap();
    assert!(context.ends_with("#Lead(Id,LeadName)/$entity"), "{context}");
    assert_eq!(one.body["LeadName"], lead["LeadName"]);
    assert_eq!(field.body["value"], lead["LeadName"]);
    assert_eq!(value.text, lead["LeadName"].as_str().unwrap());
    assert_eq!(status.body["Id"], lead["QualifyStatusId"]);
    assert_eq!(
        (missing.status, api.get(&at("/Nothing")).await.status),
        (404, 404)
    );
    assert_eq!(api.get(&format!("Lead('{id}')")).await.status, 404);
    assert_eq!(api.get(&format!("Lead(guid'{id}')")).await.status, 404);
}

#[tokio::test]
async fn the_root_is_that_of_one_build_or_the_other() {
    for net_core in [false, true] {
        let api = Api::with(|switches| switches.net_core = net_core).await;
        let (good, bad) = if net_core {
            ("odata", "0/odata")
        } else {
            ("0/odata", "odata")
        };
        let token = api.simulator.mint();
        let at = async |root: &str| {
            let url = format!("{}/{root}/Lead", api.simulator.origin());
            api.http
                .get(url)
                .bearer_auth(&token)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };

        assert_eq!((at(good).await, at(bad).await), (200, 404));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_leads_are_walked_by_pages() {
    let began = std::time::Instant::now();
    let api = Api::configured(Config {
        leads: 100_000,
        ..Config::default()
    })
    .await;
    println!("100,000 leads made in {:?}", began.elapsed());
    let started = std::time::Instant::now();
    let (mut met, mut last) = (0, None::<(String, String)>);

    loop {
        let filter = match &last {
            Some((at, id)) => format!("ModifiedOn gt {at} or (ModifiedOn eq {at} and Id gt {id})"),
            None => "ModifiedOn ge 2020-01-01T00:00:00Z".to_owned(),
        };
        let options = [
            ("$filter", filter.as_str()),
            ("$orderby", "ModifiedOn,Id"),
            ("$top", "5000"),
            ("$select", "Id,ModifiedOn,LeadName,Email,QualifyStatusId"),
        ];
        let page = api.list("Lead", &options).await;
        let rows = page.body["value"].as_array().unwrap();
        let Some(row) = rows.last() else { break };
        met += rows.len();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        last = Some((text("ModifiedOn"), text("Id")));
    }

    println!("100,000 leads walked in {:?}", started.elapsed());
    assert_eq!(met, 100_000);
    assert_eq!(api.simulator.stats().calls, 21);
}
