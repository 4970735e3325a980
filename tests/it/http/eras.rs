//! Eras and pruning over HTTP.

use serde_json::json;

use super::Front;
use crate::cli::eras::old;

#[tokio::test]
async fn eras_are_listed_and_pruned_and_a_dry_run_changes_nothing() {
    let front = Front::start().await;
    old(&front.database).await;

    let (status, eras) = front.get("/eras").await;
    let (_, dry) = front.post("/eras/prune?dry_run=true", json!({})).await;
    let (_, before) = front.get("/jobs").await;
    let (done, pruned) = front
        .post("/eras/prune", json!({"reason": "the disk is full"}))
        .await;
    let (_, after) = front.get("/jobs").await;
    let (_, trail) = front.get("/audit").await;

    assert_eq!((status, done), (200, 200), "{eras}");
    let names: Vec<_> = eras["data"]
        .as_array()
        .expect("eras")
        .iter()
        .map(|era| era["name"].clone())
        .collect();
    assert_eq!(
        (&names[0], names.last()),
        (&json!("past"), Some(&json!("other")))
    );
    assert_eq!(eras["data"][0]["stays"], 3);
    let gone = json!([{"era": "past", "gone": 7, "stayed": 3}]);
    assert_eq!((&dry["emptied"], &dry["dry_run"]), (&gone, &json!(true)));
    assert_eq!(
        (&pruned["emptied"], &pruned["dry_run"]),
        (&gone, &json!(null))
    );
    let count = |page: &serde_json::Value| page["data"].as_array().map(Vec::len);
    assert_eq!((count(&before), count(&after)), (Some(10), Some(3)));
    let told = trail.to_string();
    assert!(told.contains("the disk is full"), "{told}");
}
