//! How often one caller may ask, and how it is told.

use lockstep::http::FrontOptions;
use reqwest::{Method, Response};
use serde_json::json;

use super::{Front, eventually, header, mint, read, send};

async fn front(requests_per_minute: u32, anonymous_requests_per_minute: u32) -> Front {
    let options = FrontOptions {
        requests_per_minute,
        anonymous_requests_per_minute,
        ..FrontOptions::default()
    };
    Front::start_with(options).await
}

async fn ask(front: &Front, token: &str) -> Response {
    send(front.bare(Method::GET, "/api/v1/jobs").bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let front = front(3, 1000).await;
    let other = mint(front.client(), "other", &["jobs:read"]).await;

    let first = ask(&front, &front.admin).await;
    for _ in 0..2 {
        assert_eq!(ask(&front, &front.admin).await.status().as_u16(), 200);
    }
    let fourth = ask(&front, &front.admin).await;

    assert_eq!(first.status().as_u16(), 200);
    assert_eq!(
        (
            header(&first, "ratelimit-policy"),
            header(&first, "ratelimit")
        ),
        (Some("\"token\";q=3;w=60"), Some("\"token\";r=2;t=20"))
    );
    assert_eq!(header(&fourth, "ratelimit"), Some("\"token\";r=0;t=60"));
    let wait: u32 = header(&fourth, "retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(
        header(&fourth, "content-type"),
        Some("application/problem+json")
    );
    let (status, problem) = read(fourth).await;
    assert_eq!(
        (status, &problem["code"], &problem["retryable"]),
        (429, &json!("rate_limited"), &json!(true))
    );
    assert_eq!(
        ask(&front, &other).await.status().as_u16(),
        200,
        "another token"
    );
    assert_eq!(
        ask(&front, "nonsense").await.status().as_u16(),
        401,
        "no token"
    );
}

#[tokio::test]
async fn a_problem_too_tells_its_caller_where_it_stands() {
    let front = front(3, 1000).await;
    let reader = mint(front.client(), "reader", &["jobs:read"]).await;

    let missing = send(front.ask(Method::GET, "/companies/999")).await;
    let forbidden = front
        .bare(Method::GET, "/api/v1/tokens")
        .bearer_auth(&reader);
    let forbidden = send(forbidden).await;

    assert_eq!(missing.status().as_u16(), 404);
    assert_eq!(header(&missing, "ratelimit"), Some("\"token\";r=2;t=20"));
    assert_eq!(forbidden.status().as_u16(), 403);
    assert_eq!(header(&forbidden, "ratelimit"), Some("\"token\";r=2;t=20"));
}

#[tokio::test]
async fn an_address_without_a_token_waits_and_its_neighbour_with_one_does_not() {
    let front = front(1000, 4).await;
    let stranger = mint(super::Front::start().await.client(), "stranger", &["admin"]).await;
    let bare = async |path: &str| {
        let response = send(front.bare(Method::GET, path)).await;
        (
            response.status().as_u16(),
            header(&response, "ratelimit").map(str::to_owned),
        )
    };

    let left = |n: u32| Some(format!("\"address\";r={n};t={}", (4 - n) * 15));
    assert_eq!(bare("/api/v1/jobs").await, (401, left(3)), "no token");
    assert_eq!(
        ask(&front, &stranger).await.status().as_u16(),
        401,
        "of another database"
    );
    assert_eq!(
        bare("/api/v1/openapi.json").await,
        (200, left(1)),
        "the document"
    );
    assert_eq!(bare("/nowhere").await, (404, left(0)), "no route");
    for path in [
        "/api/v1/jobs",
        "/api/v1/openapi.json",
        "/problems/invalid",
        "/nowhere",
    ] {
        assert_eq!(bare(path).await.0, 429, "{path}");
    }
    assert_eq!(ask(&front, &stranger).await.status().as_u16(), 429);

    assert_eq!(
        ask(&front, &front.admin).await.status().as_u16(),
        200,
        "the neighbour"
    );
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(bare(path).await, (200, None), "{path}");
    }
}

#[tokio::test]
async fn an_allowance_comes_back() {
    // One more each tenth of a second.
    let front = front(600, 600).await;
    let ask = || send(front.bare(Method::GET, "/nowhere"));

    let mut asked = 0;
    while ask().await.status().as_u16() != 429 {
        asked += 1;
        assert!(asked < 10_000, "never turned away");
    }

    assert!(asked >= 600, "turned away after {asked}");
    eventually("let in again", async || {
        ask().await.status().as_u16() == 404
    })
    .await;
}

#[tokio::test]
async fn zero_is_no_limit() {
    let front = front(0, 0).await;

    for _ in 0..100 {
        let response = send(front.bare(Method::GET, "/api/v1/jobs")).await;
        assert_eq!(response.status().as_u16(), 401);
        assert_eq!(header(&response, "ratelimit"), None);
        assert_eq!(ask(&front, &front.admin).await.status().as_u16(), 200);
    }
}

#[tokio::test]
async fn a_proxy_that_is_trusted_tells_callers_apart_and_another_does_not() {
    for (proxies, second) in [(vec!["127.0.0.0/8"], 401), (vec!["10.0.0.0/8"], 429)] {
        let options = FrontOptions {
            anonymous_requests_per_minute: 1,
            trusted_proxies: proxies
                .iter()
                .map(|it| it.parse().expect("a block"))
                .collect(),
            ..FrontOptions::default()
        };
        let front = Front::start_with(options).await;
        let of = async |client: &str| {
            let request = front.bare(Method::GET, "/api/v1/jobs");
            let response = send(request.header("x-forwarded-for", client)).await;
            response.status().as_u16()
        };

        assert_eq!(of("198.51.100.7").await, 401, "{proxies:?}");
        assert_eq!(of("198.51.100.8").await, second, "{proxies:?}");
        assert_eq!(of("198.51.100.7").await, 429, "{proxies:?}");
    }
}

#[tokio::test]
async fn a_token_that_opened_nothing_is_not_looked_up_again() {
    let front = front(1000, 1000).await;
    let elsewhere = Front::start().await;
    let stranger = mint(elsewhere.client(), "stranger", &["admin"]).await;
    let another = mint(elsewhere.client(), "another", &["admin"]).await;
    assert_eq!(ask(&front, &stranger).await.status().as_u16(), 401);

    // From here on a look at the database is an error.
    front.client().close().await;

    assert_eq!(ask(&front, &stranger).await.status().as_u16(), 401);
    assert!(ask(&front, &another).await.status().is_server_error());
    assert_eq!(ask(&front, "nonsense").await.status().as_u16(), 401);
}

#[tokio::test]
async fn an_address_that_tries_token_after_token_is_stopped_before_the_database_is_asked() {
    let front = front(1000, 1).await;
    let elsewhere = Front::start().await;
    assert_eq!(ask(&front, &front.admin).await.status().as_u16(), 200);
    let newcomer = mint(front.client(), "newcomer", &["jobs:read"]).await;
    for n in 0..10 {
        let stranger = mint(elsewhere.client(), &format!("stranger {n}"), &["admin"]).await;
        ask(&front, &stranger).await;
    }

    let known = ask(&front, &front.admin).await.status().as_u16();
    let unknown = ask(&front, &newcomer).await.status().as_u16();

    assert_eq!((known, unknown), (200, 429));
}
