//! `test` of a connection says by name what is wrong with it, and what to do.

use connectors::check::Question;
use jobs::connection::ops;
use sim::wire::Fault;
use sim::zoho::Config;

use super::{House, ZOHO};

/// Each question with whether the answer was good, and whether it says what to do.
async fn findings(house: &House) -> Vec<(Question, bool, bool)> {
    let all = house.authorised().await;
    let found = ops::test(&all, ZOHO).await.unwrap();
    let told = |one: &connectors::check::Finding| (one.question, one.is_good, one.fix.is_some());
    found.iter().map(told).collect()
}

#[tokio::test]
async fn rights_that_are_missing_are_found_and_what_follows_from_it_was_not_asked() {
    let house = House::new().await;
    let forbidden = serde_json::json!({"code": 0, "message": "x"});
    house
        .zoho
        .inject(Fault::json(403, forbidden).on_path("/items"));

    let found = findings(&house).await;

    assert!(found.iter().all(|(_, is_good, _)| !is_good), "{found:?}");
    let to_blame: Vec<_> = found.iter().filter(|(.., says)| *says).collect();
    assert_eq!(to_blame, [&(Question::Rights, false, true)]);
}

#[tokio::test]
async fn an_organisation_without_a_record_is_told_and_is_well() {
    let house = House::with(Config {
        items: 0,
        ..Config::default()
    })
    .await;
    let all = house.authorised().await;

    let found = ops::test(&all, ZOHO).await.unwrap();

    let record = found.iter().find(|one| one.question == Question::Record);
    let record = record.unwrap();
    assert!(record.is_good && record.found.contains("no item yet"));
}
