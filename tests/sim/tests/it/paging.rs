//! Relay paging.

use serde_json::{Value, json};
use sim::soundtrack::Cursors;

use crate::support::{Api, set, text};

#[tokio::test]
async fn a_walk_meets_every_zone_exactly_once_when_nothing_changes() {
    for cursors in [Cursors::Offset, Cursors::Keyset] {
        let api = Api::with_zones(257, |switches| switches.cursors = cursors).await;

        for page_size in [1, 7, 100] {
            let met = api.walk(page_size).await;

            assert_eq!(met.len(), 257, "{cursors:?} {page_size}");
            assert_eq!(set(&met), api.true_ids(), "{cursors:?} {page_size}");
        }
    }
}

#[tokio::test]
async fn zones_come_by_name_unless_asked_otherwise() {
    let api = Api::with_zones(40, |_| {}).await;
    let by = async |order: &str| {
        let query = format!(
            "query($id: ID!) {{ account(id: $id) {{ soundZones(first: 100{order}) \
            {{ edges {{ node {{ name }} }} }} }} }}"
        );
        let answer = api.ask(&query, json!({"id": api.account()})).await;
        answer
            .edges()
            .iter()
            .map(|edge| text(&edge["node"]["name"]))
            .collect::<Vec<_>>()
    };

    let ascending = by("").await;
    let descending = by(", orderBy: [{field: NAME, direction: DESC}]").await;

    assert!(ascending.is_sorted(), "{ascending:?}");
    assert!(
        descending.is_sorted_by(|left, right| left >= right),
        "{descending:?}"
    );
}

#[tokio::test]
async fn every_order_can_be_walked_with_stable_cursors() {
    let api = Api::with_zones(30, |switches| switches.cursors = Cursors::Keyset).await;

    for field in [
        "CITY",
        "COUNTRY",
        "IS_PAIRED",
        "LOCATION_NAME",
        "NAME",
        "PLATFORM",
    ] {
        let query = format!(
            "query($id: ID!, $c: String) {{ account(id: $id) {{ soundZones(\
            first: 4, after: $c, orderBy: [{{field: {field}, direction: DESC}}]) {{ \
            pageInfo {{ hasNextPage endCursor }} edges {{ node {{ id }} }} }} }} }}"
        );
        let mut met = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let answer = api
                .ask(&query, json!({"id": api.account(), "c": cursor}))
                .await;
            met.extend(answer.edges().iter().map(|edge| text(&edge["node"]["id"])));
            let page = &answer.body["data"]["account"]["soundZones"]["pageInfo"];
            if page["hasNextPage"] == json!(false) {
                break;
            }
            cursor = page["endCursor"].clone();
        }
        assert_eq!(met.len(), 30, "{field}");
        assert_eq!(set(&met), api.true_ids(), "{field}");
    }
}

#[tokio::test]
async fn filters_list_only_what_passes() {
    let api = Api::with_zones(80, |_| {}).await;
    let truth = api.simulator.truth();
    let count = async |filter: &str| {
        let query = format!(
            "query($id: ID!) {{ account(id: $id) {{ soundZones(first: 100, \
            filter: {filter}) {{ total edges {{ node {{ id }} }} }} }} }}"
        );
        api.ask(&query, json!({"id": api.account()}))
            .await
            .edges()
            .len()
    };

    let offline = truth.zones().filter(|zone| !zone.online).count();
    let expired = truth
        .zones()
        .filter(|zone| json!(zone.subscription_state) == "EXPIRED")
        .count();
    let bars = truth
        .zones()
        .filter(|zone| zone.name.contains("Bar"))
        .count();

    assert!(
        offline > 0 && expired > 0 && bars > 0,
        "the seed must give some of each"
    );
    assert_eq!(count("{online: false}").await, offline);
    assert_eq!(count("{subscription: {eq: EXPIRED}}").await, expired);
    assert_eq!(
        count("{subscription: {notEq: EXPIRED}}").await,
        80 - expired
    );
    assert_eq!(count("{query: \"bar\"}").await, bars);
}

#[tokio::test]
async fn a_page_above_the_maximum_is_an_error() {
    for (maximum, asked, fits) in [(100, 100, true), (100, 101, false), (1000, 1000, true)] {
        let api = Api::with_zones(3, |switches| switches.max_page_size = maximum).await;
        let query = "query($id: ID!, $n: Int) { account(id: $id) { id
            soundZones(first: $n) { edges { node { id } } } } }";

        let answer = api
            .ask(query, json!({"id": api.account(), "n": asked}))
            .await;

        assert_eq!(
            answer.body.get("errors").is_none(),
            fits,
            "{maximum} {asked}"
        );
        if !fits {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.code(), "BAD_USER_INPUT");
            assert_eq!(answer.body["data"]["account"]["soundZones"], Value::Null);
        }
    }
}

#[tokio::test]
async fn the_default_page_size_is_a_switch() {
    for size in [5, 50] {
        let api = Api::with_zones(60, |switches| switches.default_page_size = size).await;
        let query = "query($id: ID!) { account(id: $id) { soundZones {
            pageInfo { hasNextPage } edges { node { id } } } } }";

        let answer = api.ask(query, json!({"id": api.account()})).await;

        assert_eq!(answer.edges().len(), size as usize);
        assert_eq!(
            answer.header("x-ratelimiting-cost"),
            Some(1 + u64::from(size))
        );
    }
}

#[tokio::test]
async fn a_list_can_be_walked_from_its_end() {
    for cursors in [Cursors::Offset, Cursors::Keyset] {
        let api = Api::with_zones(10, |switches| switches.cursors = cursors).await;
        let query = "query($id: ID!, $b: String) { account(id: $id) {
            soundZones(last: 4, before: $b) { pageInfo { hasPreviousPage startCursor }
            edges { node { id } } } } }";
        let mut sizes = Vec::new();
        let mut met = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let answer = api
                .ask(query, json!({"id": api.account(), "b": cursor}))
                .await;
            sizes.push(answer.edges().len());
            met.extend(answer.edges().iter().map(|edge| text(&edge["node"]["id"])));
            let page = &answer.body["data"]["account"]["soundZones"]["pageInfo"];
            if page["hasPreviousPage"] == json!(false) {
                break;
            }
            cursor = page["startCursor"].clone();
        }

        assert_eq!(sizes, [4, 4, 2], "{cursors:?}");
        assert_eq!(set(&met), api.true_ids(), "{cursors:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_no_list_is_an_error() {
    let api = Api::start().await;
    let query = "query($id: ID!) { account(id: $id) {
        soundZones(first: 1, after: \"made up\") { edges { node { id } } } } }";

    let answer = api.ask(query, json!({"id": api.account()})).await;

    assert_eq!(answer.error()["message"], "Invalid cursor");
}
