//! The token bucket, its headers and its refusals.

use std::time::Duration;

use serde_json::{Value, json};
use sim::soundtrack::{BucketScope, Config, CostModel, Outcome, OverLimit, RateHeaders, Switches};

use crate::support::{Answer, Api};

const COST: &str = "x-ratelimiting-cost";
const AVAILABLE: &str = "x-ratelimiting-tokens-available";
const CHEAP: &str = "{ me { __typename } }";

/// A bucket that never refills by itself, so that no test depends on how fast it runs.
async fn limited(set: impl FnOnce(&mut Switches)) -> Api {
    let mut switches = Switches {
        refill_per_second: Some(0.0),
        ..Switches::default()
    };
    set(&mut switches);
    Api::configured(Config {
        switches,
        ..Config::default()
    })
    .await
}

/// Asks the 801 token query until it is refused.
async fn exhaust(api: &Api) -> Answer {
    for _ in 0..4 {
        assert_eq!(api.zones().await.edges().len(), 5);
    }
    api.zones().await
}

#[tokio::test]
async fn every_reply_tells_its_cost_and_what_is_left() {
    let api = limited(|_| {}).await;

    let first = api.zones().await;
    let second = api.ask(CHEAP, json!({})).await;

    assert_eq!(
        (first.header(COST), first.header(AVAILABLE)),
        (Some(801), Some(2799))
    );
    assert_eq!(
        (second.header(COST), second.header(AVAILABLE)),
        (Some(1), Some(2798))
    );
}

#[tokio::test]
async fn a_call_over_the_limit_is_refused_in_the_way_switched_to() {
    let modes = [
        (OverLimit::Errors, 200, false),
        (OverLimit::Http429, 429, false),
        (OverLimit::Http429RetryAfter, 429, true),
    ];
    for (mode, status, says_when) in modes {
        let api = limited(|switches| switches.over_limit = mode).await;

        let refused = exhaust(&api).await;

        assert_eq!(refused.status, status);
        assert_eq!(refused.body["data"], Value::Null);
        let message = refused.error()["message"].as_str().unwrap();
        assert!(message.contains("rate limited"), "{message}");
        assert!(message.contains("costs 801 tokens"), "{message}");
        assert!(message.contains("have 396 available"), "{message}");
        assert_eq!(refused.header(AVAILABLE), Some(396));
        assert_eq!(refused.header("retry-after").is_some(), says_when);
        assert_eq!(api.simulator.stats().ended(Outcome::RateLimited), 1);
        assert_eq!(api.simulator.stats().refused(), 1);
        assert_eq!(api.simulator.stats().tokens_spent, 4 * 801);
    }
}

#[tokio::test]
async fn the_message_matches_what_the_customers_client_parses() {
    let api = limited(|_| {}).await;

    let refused = exhaust(&api).await;

    let message = refused.error()["message"].as_str().unwrap();
    let (_, costs) = message.split_once("costs ").unwrap();
    let (cost, rest) = costs.split_once(" tokens").unwrap();
    let (_, have) = rest.split_once("have ").unwrap();
    let (available, _) = have.split_once(" available").unwrap();
    assert_eq!((cost, available), ("801", "396"));
}

#[tokio::test]
async fn retry_after_is_when_the_tokens_are_back() {
    let api = limited(|switches| {
        switches.over_limit = OverLimit::Http429RetryAfter;
        switches.refill_per_second = Some(0.5);
    })
    .await;
    api.zones().await;
    api.simulator.set_tokens_available(0.0);

    let refused = api.zones().await;

    // 801 tokens at one in two seconds, less what came back while the test ran.
    let wait = refused.header("retry-after").unwrap();
    assert!((1500..=1602).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_refill_lets_calls_through_again() {
    for (rate, seconds) in [(5.0, 100), (50.0, 10)] {
        let api = limited(|switches| switches.refill_per_second = Some(rate)).await;
        api.zones().await;
        api.simulator.set_tokens_available(301.0);
        assert_eq!(api.zones().await.body["data"], Value::Null);

        api.simulator.advance_refill(Duration::from_secs(seconds));

        assert_eq!(api.zones().await.edges().len(), 5);
    }
}

#[tokio::test]
async fn no_refill_rate_means_no_limit() {
    let api = limited(|switches| switches.refill_per_second = None).await;

    for _ in 0..10 {
        assert_eq!(api.zones().await.header(AVAILABLE), Some(3600));
    }
    assert_eq!(api.simulator.stats().refused(), 0);
}

#[tokio::test]
async fn a_query_that_costs_more_than_the_bucket_holds_runs_only_softly() {
    let query = "query($id: ID!) { account(id: $id) { locations(first: 100) { edges { node {
        soundZones(first: 100) { edges { node { id device { id } } } } } } } } }";
    for (model, cost, runs) in [
        (CostModel::Documented, 20101, false),
        (CostModel::Soft, 301, true),
    ] {
        let api = limited(|switches| switches.cost_model = model).await;

        let answer = api.ask(query, json!({"id": api.account()})).await;

        assert_eq!(answer.header(COST), Some(cost));
        assert_eq!(answer.body.get("errors").is_none(), runs);
    }
}

#[tokio::test]
async fn the_bucket_belongs_to_what_the_switch_says() {
    let scopes = [
        (BucketScope::Token, true),
        (BucketScope::Everyone, false),
        (BucketScope::Connection, false),
    ];
    for (scope, is_apart) in scopes {
        let api = limited(|switches| switches.bucket_scope = scope).await;
        api.simulator.grant("sim-token-other", None);
        api.zones().await;

        // The client keeps its connection, so both tokens use the same one.
        let other = api.ask_as("sim-token-other", CHEAP, json!({})).await;

        let left = if is_apart { 3599 } else { 2798 };
        assert_eq!(other.header(AVAILABLE), Some(left), "{scope:?}");
    }
}

#[tokio::test]
async fn another_connection_is_another_bucket_only_by_switch() {
    for (scope, left) in [(BucketScope::Connection, 3599), (BucketScope::Token, 2798)] {
        let mut api = limited(|switches| switches.bucket_scope = scope).await;
        api.zones().await;
        api.http = reqwest::Client::builder().build().unwrap();

        let other = api.ask(CHEAP, json!({})).await;

        assert_eq!(other.header(AVAILABLE), Some(left), "{scope:?}");
    }
}

#[tokio::test]
async fn refused_and_failed_replies_carry_the_headers_only_by_switch() {
    for (switch, carries) in [
        (RateHeaders::Every, true),
        (RateHeaders::GraphqlOnly, false),
    ] {
        let api = limited(|switches| {
            switches.rate_headers = switch;
            switches.over_limit = OverLimit::Http429;
        })
        .await;

        let served = api.ask(CHEAP, json!({})).await;
        let unknown = api.ask_as("sim-token-unknown", CHEAP, json!({})).await;
        api.simulator.set_tokens_available(0.0);
        let refused = api.ask(CHEAP, json!({})).await;

        assert!(served.header(COST).is_some());
        assert_eq!(unknown.header(COST).is_some(), carries);
        assert_eq!(refused.header(AVAILABLE).is_some(), carries);
    }
}
