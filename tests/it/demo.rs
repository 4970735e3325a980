//! `lockstep demo --once`: from nothing to synced zones, with the planted trouble told.

use crate::cli::{json, program};

#[tokio::test]
async fn the_demo_syncs_what_can_be_synced_and_names_what_cannot() {
    let (code, told) = json(program(&["demo", "--once", "-o", "json"])).await;

    assert_eq!(code, 0);
    let totals = &told["totals"];
    assert_eq!(totals["companies"], 39);
    assert_eq!(totals["skipped"], 1);
    assert_eq!(totals["companies_failed"], 2);
    let dead = told["dead"].as_array().expect("dead letters");
    let mut codes: Vec<&str> = dead
        .iter()
        .filter_map(|letter| letter["code"].as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert!(
        dead.iter().all(|letter| letter["error"].is_string()),
        "{dead:?}"
    );
}
