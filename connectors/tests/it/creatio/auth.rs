//! Tokens: asked for once, renewed once, and refused for good when they are.

use std::time::Duration;

use connectors::budget::Window;
use connectors::{Error, Mint, Verdict};
use serde_json::json;
use sim::creatio::{Config as SimConfig, Switches, UnauthorizedBody};
use sim::wire::{Fault, Kind};
use tokio::task::JoinSet;

use super::{Bed, MINUTE, USERS, contacts};

#[tokio::test]
async fn fifty_callers_share_one_token() {
    let bed = Bed::new(10).await;
    let client = bed.client();
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        asking.spawn(async move { client.page(&contacts(), None, None).await.map(|_| ()) });
    }

    let ended = asking.join_all().await;

    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(bed.calls("/connect/token"), 1);
}

#[tokio::test]
async fn a_token_that_ran_out_is_renewed_once_whatever_the_body_says_of_it() {
    for unauthorized_body in [
        UnauthorizedBody::Empty,
        UnauthorizedBody::Html,
        UnauthorizedBody::Json,
    ] {
        let bed = Bed::with(
            10,
            Switches {
                unauthorized_body,
                ..Switches::default()
            },
        )
        .await;
        let client = bed.client();
        client.page(&contacts(), None, None).await.unwrap();
        bed.sim.expire_access_tokens();

        let page = client.page(&contacts(), None, None).await;

        assert_eq!(page.unwrap().items.len(), 10, "{unauthorized_body:?}");
        assert_eq!(bed.calls("/connect/token"), 2);
    }
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_ends_it() {
    let bed = Bed::new(10).await;
    bed.sim.inject(Fault::status(401).on_path("/Contact"));

    let error = bed
        .client()
        .page(&contacts(), None, None)
        .await
        .unwrap_err();

    assert_eq!(error.verdict(), Verdict::AuthRevoked);
    assert_eq!(bed.calls("/connect/token"), 2);
    assert_eq!(bed.calls("/Contact"), 2);
}

#[tokio::test]
async fn a_client_that_was_taken_away_is_revoked_by_either_status() {
    for bad_client_status in [400, 401, 403] {
        let bed = Bed::with(
            10,
            Switches {
                bad_client_status,
                ..Switches::default()
            },
        )
        .await;
        let client = bed.client();
        client.page(&contacts(), None, None).await.unwrap();
        bed.sim.revoke();

        let error = client.page(&contacts(), None, None).await.unwrap_err();

        assert_eq!(error.verdict(), Verdict::AuthRevoked, "{bad_client_status}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_anew_before_its_end() {
    let bed = Bed::with(
        10,
        Switches {
            token_life_s: 299,
            ..Switches::default()
        },
    )
    .await;
    let client = bed.client();

    client.page(&contacts(), None, None).await.unwrap();
    client.page(&contacts(), None, None).await.unwrap();

    assert_eq!(
        bed.calls("/connect/token"),
        2,
        "its five minutes of margin are longer than its life"
    );
}

#[tokio::test]
async fn every_reply_of_the_identity_service_has_its_verdict() {
    let throttled = |after: u64| Verdict::Throttled {
        after: Some(Duration::from_secs(after)),
    };
    let named = |status: u16| {
        Fault::new(Kind::Status {
            status,
            retry_after: Some("7".to_owned()),
            body: None,
        })
    };
    let table = [
        (Fault::status(500), Verdict::Retry),
        (Fault::status(503), Verdict::Retry),
        (named(503), throttled(7)),
        (named(429), throttled(7)),
        (Fault::status(429), throttled(10)),
        (Fault::status(302), Verdict::Misconfigured),
        (Fault::status(404), Verdict::Misconfigured),
        (Fault::status(401), Verdict::AuthRevoked),
        (
            Fault::json(400, json!({"error": "invalid_client"})),
            Verdict::AuthRevoked,
        ),
        (
            Fault::json(400, json!({"error": "unauthorized_client"})),
            Verdict::Misconfigured,
        ),
        (Fault::json(200, json!({})), Verdict::SchemaDrift),
        (
            Fault::json(200, json!({"access_token": "", "expires_in": 1})),
            Verdict::SchemaDrift,
        ),
        (
            Fault::json(200, json!({"access_token": "x", "expires_in": 0})),
            Verdict::SchemaDrift,
        ),
        (Fault::new(Kind::Html), Verdict::Retry),
        (Fault::new(Kind::EmptyBody), Verdict::Retry),
        (
            Fault::new(Kind::CutReply { after_bytes: 9 }),
            Verdict::Retry,
        ),
    ];
    for (fault, expected) in table {
        let bed = Bed::new(USERS).await;
        bed.sim.inject(fault.clone().on_path("/connect/token"));

        let error = bed.identity().mint().await.unwrap_err();

        assert_eq!(error.verdict(), expected, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn a_token_says_how_long_it_lives_and_perhaps_what_for() {
    for names_scope in [true, false] {
        let switches = Switches {
            token_names_scope: names_scope,
            token_life_s: 1_800,
            ..Switches::default()
        };
        let minted = Bed::with(USERS, switches)
            .await
            .identity()
            .mint()
            .await
            .unwrap();

        assert_eq!(minted.lives, Duration::from_secs(1_800));
        assert_eq!(minted.scope.is_some(), names_scope);
    }
}

#[tokio::test]
async fn a_site_that_is_not_there_costs_no_call_of_the_budget() {
    let bed = Bed::configured(SimConfig::default()).await;
    let client = bed.client_of(bed.keeper(), Window::new(1, MINUTE));
    client.metadata().await.unwrap();
    let again = client.page(&contacts(), None, None).await.unwrap_err();

    assert!(matches!(again, Error::Throttled { .. }), "{again}");
    assert_eq!(bed.calls("/Contact"), 0);
}
