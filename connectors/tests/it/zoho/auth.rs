//! Tokens: minted once, renewed once, never in a loop.

use std::collections::BTreeSet;
use std::time::Duration;

use connectors::budget::Window;
use connectors::http::Http;
use connectors::zoho::Accounts;
use connectors::{Access, Credential, Error, Token, Verdict};
use secrecy::{ExposeSecret, SecretString};
use sim::zoho::{Config as SimConfig, DataCentre, Scope, Switches};

use super::{Bed, MINUTE, walk};

fn mints(bed: &Bed) -> usize {
    bed.sim
        .log()
        .iter()
        .filter(|call| call.path.contains("oauth"))
        .count()
}

#[tokio::test]
async fn many_calls_at_once_mint_one_token() {
    let bed = Bed::new(5).await;
    let client = bed.client();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.items_page(None, None).await.is_ok() });
    }

    assert!(calls.join_all().await.into_iter().all(|good| good));

    assert_eq!(mints(&bed), 1);
}

#[tokio::test]
async fn many_calls_whose_token_died_renew_it_once() {
    let bed = Bed::new(5).await;
    let client = bed.client();
    client.items_page(None, None).await.unwrap();
    bed.sim.expire_access_tokens();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.items_page(None, None).await.is_ok() });
    }

    assert!(calls.join_all().await.into_iter().all(|good| good));

    assert_eq!(mints(&bed), 2);
}

#[tokio::test]
async fn a_token_is_renewed_at_every_call_of_a_walk() {
    for dying in 1..=5u32 {
        let bed = Bed::new(90).await;
        let client = bed.client();
        let mut cursor = None;
        let mut seen = 0;
        for call in 1.. {
            if call == dying {
                bed.sim.expire_access_tokens();
            }
            let page = client.items_page(cursor.as_deref(), None).await.unwrap();
            seen += page.items.len();
            match page.next {
                connectors::page::Next::More(more) => cursor = Some(more),
                _ => break,
            }
        }

        assert_eq!(seen, 90);
        assert!(mints(&bed) <= 2);
    }
}

#[tokio::test]
async fn a_missing_right_costs_one_renewal_and_is_forbidden() {
    let bed = Bed::configured(SimConfig {
        scopes: BTreeSet::from([Scope::SettingsRead]),
        ..SimConfig::default()
    })
    .await;

    let error = walk(&bed.client()).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Forbidden);
    assert_eq!(mints(&bed), 2);
}

#[tokio::test]
async fn a_probe_without_the_right_to_settings_renews_nothing() {
    let bed = Bed::configured(SimConfig {
        scopes: BTreeSet::from([Scope::ItemsRead]),
        ..SimConfig::default()
    })
    .await;

    let probe = bed.client().test_connection().await.unwrap();

    assert_eq!(probe.organization, None);
    assert!(probe.item.is_some());
    assert_eq!(mints(&bed), 1);
}

#[tokio::test]
async fn a_grant_that_cannot_be_refreshed_says_why_whatever_the_status() {
    for oauth_error_status in [200, 400, 401] {
        let switches = Switches {
            oauth_error_status,
            ..Switches::default()
        };
        let bed = Bed::with(1, switches).await;
        let accounts = bed.accounts();
        let good = bed.grant();
        let (mut secret, mut client, mut code) = (good.clone(), good.clone(), good);
        secret.client_secret = SecretString::from("wrong");
        client.client_id = SecretString::from("wrong");
        code.refresh_token = SecretString::from("wrong");
        for (grant, expected) in [
            (secret, Verdict::Misconfigured),
            (client, Verdict::Misconfigured),
            (code, Verdict::AuthRevoked),
        ] {
            let error = accounts.refresh(&grant).await.unwrap_err();

            assert_eq!(error.verdict(), expected, "{oauth_error_status}: {error}");
        }
        bed.sim.revoke();
        let error = walk(&bed.client()).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::AuthRevoked);
    }
}

#[tokio::test]
async fn the_eleventh_token_in_ten_minutes_is_never_asked_for() {
    for (denied_status, denied_says_failure) in [(400, true), (200, true), (200, false)] {
        let switches = Switches {
            denied_status,
            denied_says_failure,
            ..Switches::default()
        };
        let bed = Bed::with(1, switches).await;
        let http = Http::new(bed.http.clone()).unwrap();
        let budget = Window::new(10, Duration::from_secs(600));
        let paced = Accounts::new(&bed.sim.accounts_url(), http, budget).unwrap();
        for _ in 0..10 {
            paced.refresh(&bed.grant()).await.unwrap();
        }

        let ours = paced.refresh(&bed.grant()).await.unwrap_err();
        let theirs = bed.accounts().refresh(&bed.grant()).await.unwrap_err();

        assert!(
            matches!(ours.verdict(), Verdict::Throttled { after: Some(after) } if after > MINUTE * 9)
        );
        assert_eq!(
            theirs.verdict(),
            Verdict::Throttled {
                after: Some(MINUTE * 10)
            }
        );
        assert_eq!(
            mints(&bed),
            11,
            "ten of ours, and the one that did not ask the budget"
        );
    }
}

#[tokio::test]
async fn a_refresh_goes_to_its_own_data_centre_and_the_api_where_the_answer_says() {
    for centre in DataCentre::ALL {
        let bed = Bed::configured(SimConfig {
            data_centre: centre,
            ..SimConfig::default()
        })
        .await;

        let minted = bed.accounts().refresh(&bed.grant()).await.unwrap();

        assert_eq!(minted.api_domain, Some(bed.sim.api_domain()));
        assert_eq!(minted.lives, Duration::from_secs(3600));
        assert!(walk(&bed.client()).await.is_ok());

        let other = DataCentre::ALL
            .into_iter()
            .find(|other| *other != centre)
            .unwrap();
        let http = Http::new(bed.http.clone()).unwrap();
        let url = bed.sim.accounts_url_of(other);
        let elsewhere = Accounts::new(&url, http, Window::new(9, MINUTE)).unwrap();
        let error = elsewhere.refresh(&bed.grant()).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Misconfigured, "{centre:?}");
    }
}

/// A credential whose token wants to be used somewhere.
#[derive(Debug)]
struct Sent(String, Token);

impl Credential for Sent {
    fn access(&self) -> connectors::auth::Accessing<'_> {
        let access = Access {
            token: self.1.clone(),
            version: 1,
            api_domain: Some(self.0.clone()),
        };
        Box::pin(async { Ok::<_, Error>(access) })
    }

    fn renewed(&self, _: &Access) -> connectors::auth::Accessing<'_> {
        self.access()
    }
}

#[tokio::test]
async fn a_token_is_never_sent_to_a_domain_that_is_not_allowed() {
    let bed = Bed::new(1).await;
    let token = Token::zoho(&bed.sim.mint()).unwrap();
    for domain in [
        "https://www.zohoapis.evil.example",
        "https://inventory.zoho.com",
        "nowhere",
    ] {
        let credential = Sent(domain.to_owned(), token.clone());
        let client = bed.client_of(credential, Window::new(9, MINUTE));

        let error = client.items_page(None, None).await.unwrap_err();

        assert_eq!(error.verdict(), Verdict::Misconfigured, "{domain}");
    }
    assert_eq!(bed.sim.stats().calls, 0);
}

#[tokio::test]
async fn a_credential_that_renews_nothing_leaves_the_token_expired() {
    let bed = Bed::new(1).await;
    let token = Token::zoho("1000.sim-of-yesterday").unwrap();
    let client = bed.client_of(Sent(bed.sim.api_domain(), token), Window::new(9, MINUTE));

    let error = client.items_page(None, None).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::AuthExpired);
}

#[tokio::test]
async fn another_installation_that_mints_too_kills_the_oldest_token_and_costs_one_renewal() {
    let bed = Bed::new(5).await;
    let client = bed.client();
    client.items_page(None, None).await.unwrap();
    for _ in 0..10 {
        let _ = bed.sim.mint();
    }

    let page = client.items_page(None, None).await.unwrap();

    assert_eq!(page.items.len(), 5);
    assert_eq!(bed.sim.stats().refused["unauthorized"], 1);
    assert_eq!(mints(&bed), 2);
}

#[tokio::test]
async fn a_minted_token_is_the_one_that_was_given() {
    let bed = Bed::with(
        1,
        Switches {
            token_names_scope: true,
            ..Switches::default()
        },
    )
    .await;

    let minted = bed.accounts().refresh(&bed.grant()).await.unwrap();

    assert_eq!(minted.access_token.expose_secret(), "1000.sim-access-1");
    assert_eq!(minted.scope.as_deref(), Some("ZohoInventory.items.READ"));
}

#[tokio::test]
async fn a_tokens_life_is_never_nothing_and_never_beyond_a_day() {
    let bed = Bed::new(1).await;
    let answered = async |life: u64| {
        let body = serde_json::json!({"access_token": "1000.simulated", "expires_in": life});
        let fault = sim::wire::Fault::json(200, body);
        bed.sim.inject(fault.on_path("/token").times(1));
        bed.accounts().refresh(&bed.grant()).await
    };

    let none = answered(0).await.unwrap_err();
    let usual = answered(3_600).await.unwrap();
    let endless = answered(u64::MAX).await.unwrap();

    assert_eq!(none.verdict(), connectors::Verdict::SchemaDrift);
    assert_eq!(usual.lives, Duration::from_secs(3_600));
    assert_eq!(endless.lives, Duration::from_secs(86_400));
}
