//! A site that stops and goes on elsewhere.

use serde_json::{Value, json};
use sim::creatio::{Change, Guid};

use super::Api;

#[tokio::test]
async fn a_site_goes_on_with_the_records_that_another_had() {
    let first = Api::start().await.simulator;
    let leads = first.records("Lead");
    let id = |record: &Value| record["Id"].as_str().and_then(Guid::parse).unwrap();
    let (gone, kept) = (id(&first.records("ActivityParticipant")[0]), id(&leads[0]));
    first
        .change(Change::delete("ActivityParticipant", gone))
        .unwrap();
    let set = json!({"Contact": "Zoë \"Z\"", "Budget": "12345678901234567.89", "DecisionDate": "2026-10-01T07:00:00.123456Z"});
    first.change(Change::set("Lead", kept, set)).unwrap();
    let made = first
        .change(Change::add("Lead", json!({"Contact": "New"})))
        .unwrap();
    let records = first.kept();

    let second = Api::start().await.simulator;
    second.restore(&records).unwrap();

    assert_eq!(second.kept(), records);
    let made = Guid::parse(&made).unwrap();
    assert_eq!(second.record("Lead", made), first.record("Lead", made));
    let another = second
        .change(Change::add("Lead", json!({"Contact": "Newer"})))
        .unwrap();
    assert_ne!(Guid::parse(&another), Some(made), "its id was taken");
    let refused = second.restore(&json!({"Lead": []})).unwrap_err();
    assert!(refused.contains("there are no records of"), "{refused}");
    assert_eq!(second.count("Lead"), leads.len() + 2, "nothing was changed");
}
