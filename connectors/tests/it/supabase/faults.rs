//! Errors of PostgREST and of the gateway, and their verdicts.

use std::time::Duration;

use connectors::Verdict;
use connectors::budget::Window;
use connectors::http::Http;
use connectors::supabase::{Client, Config, Key};
use serde_json::json;
use sim::supabase::Switches;
use sim::wire::{Fault, Kind};

use super::{Bed, MINUTE, walk};

async fn verdict(bed: &Bed) -> Verdict {
    walk(&bed.client()).await.unwrap_err().verdict()
}

#[tokio::test]
async fn each_code_has_its_verdict() {
    let coded = |status, code: &str| {
        Fault::json(
            status,
            json!({"code": code, "message": "canary", "details": "canary", "hint": null}),
        )
    };
    let table = [
        (coded(401, "PGRST301"), Verdict::AuthRevoked),
        (coded(401, "PGRST303"), Verdict::AuthRevoked),
        (coded(401, "42501"), Verdict::Forbidden),
        (coded(403, "42501"), Verdict::Forbidden),
        (coded(404, "PGRST202"), Verdict::SchemaDrift),
        (coded(404, "PGRST205"), Verdict::SchemaDrift),
        (coded(400, "PGRST204"), Verdict::SchemaDrift),
        (coded(400, "42703"), Verdict::SchemaDrift),
        (coded(404, "42P01"), Verdict::SchemaDrift),
        (coded(400, "PGRST100"), Verdict::SchemaDrift),
        (coded(406, "PGRST106"), Verdict::Misconfigured),
        (coded(416, "PGRST103"), Verdict::PageInvalid),
        (coded(400, "P0001"), Verdict::Rejected { record: None }),
        (coded(409, "23505"), Verdict::Rejected { record: None }),
        (coded(400, "22P02"), Verdict::Rejected { record: None }),
        (coded(500, "57014"), Verdict::Retry),
        (coded(500, "40001"), Verdict::Retry),
        (coded(503, "PGRST002"), Verdict::Retry),
        (coded(504, "PGRST003"), Verdict::Retry),
        (coded(503, "53300"), Verdict::Retry),
        (coded(400, "40P01"), Verdict::Retry),
        (coded(200, "57P01"), Verdict::Retry),
        (coded(200, "PGRST301"), Verdict::AuthRevoked),
        (coded(400, "canary canary canary"), Verdict::SchemaDrift),
        (
            Fault::json(401, json!({"message": "Invalid API key"})),
            Verdict::AuthRevoked,
        ),
        (
            Fault::json(403, json!({"message": "no"})),
            Verdict::Forbidden,
        ),
        (Fault::json(200, json!({})), Verdict::SchemaDrift),
        (Fault::json(200, json!(null)), Verdict::SchemaDrift),
        (Fault::status(404), Verdict::Misconfigured),
        (Fault::status(301), Verdict::Misconfigured),
    ];
    for (fault, expected) in table {
        let bed = Bed::new(5).await;
        let shown = format!("{fault:?}");
        bed.sim.inject(fault);

        let error = walk(&bed.client()).await.unwrap_err();

        assert_eq!(error.verdict(), expected, "{shown}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_function_that_says_no_rejects_the_customer_it_was_asked_for() {
    let bed = Bed::new(5).await;
    bed.sim
        .inject(Fault::json(400, json!({"code": "P0001", "message": "no"})));

    let error = bed.client().packages_of("abc").await.unwrap_err();

    let record = Some("abc".to_owned());
    assert_eq!(error.verdict(), Verdict::Rejected { record });
}

#[tokio::test]
async fn a_failed_call_is_never_an_empty_list() {
    for fault in [
        Fault::status(500),
        Fault::status(503),
        Fault::json(
            404,
            json!({"code": "PGRST202", "message": "Could not find the function"}),
        ),
        Fault::new(Kind::EmptyBody),
        Fault::new(Kind::MalformedJson),
        Fault::new(Kind::CutReply { after_bytes: 5 }),
    ] {
        let bed = Bed::new(40).await;
        let [some, none] = bed.hashes();
        bed.sim.inject(fault.clone());
        for hash in [some, none] {
            assert!(bed.client().packages_of(&hash).await.is_err(), "{fault:?}");
        }
        // The call that would prove an absence may fail too.
        let bed = Bed::new(40).await;
        let [_, none] = bed.hashes();
        bed.sim.inject(fault.clone().on_path("customers"));
        assert!(bed.client().packages_of(&none).await.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_wrong_or_ran_out_is_revoked() {
    let mut bed = Bed::new(5).await;
    bed.key = "sb_secret_wrong".to_owned();
    assert_eq!(verdict(&bed).await, Verdict::AuthRevoked);
    for expired_is_301 in [true, false] {
        let mut bed = Bed::with(
            5,
            Switches {
                expired_is_301,
                ..Switches::default()
            },
        )
        .await;
        bed.key = bed.sim.config().service_role_key.clone();
        assert!(
            walk(&bed.client()).await.is_ok(),
            "the old sort of key works too"
        );

        bed.sim.set_expired(true);

        assert_eq!(verdict(&bed).await, Verdict::AuthRevoked);
    }
}

#[tokio::test]
async fn a_name_that_the_schema_cache_does_not_know_is_drift() {
    for name in ["customers", "get_packages_by_hash_id"] {
        let bed = Bed::new(40).await;
        let [some, _] = bed.hashes();
        let mut switches = bed.sim.switches();
        switches.not_in_schema_cache.insert(name.to_owned());
        bed.sim.set_switches(switches);

        let error = match name {
            "customers" => walk(&bed.client()).await.unwrap_err(),
            _ => bed.client().packages_of(&some).await.unwrap_err(),
        };

        assert_eq!(error.verdict(), Verdict::SchemaDrift);
    }
}

#[tokio::test]
async fn a_refusal_for_the_rate_waits_as_long_as_it_says() {
    let throttled = |seconds| Verdict::Throttled {
        after: Some(Duration::from_secs(seconds)),
    };
    for (status, wait, expected) in [
        (429, None, throttled(10)),
        (429, Some("7"), throttled(7)),
        (503, Some("30"), throttled(30)),
        (429, Some("999999"), throttled(3600)),
        (429, Some("soon"), throttled(10)),
    ] {
        let bed = Bed::new(5).await;
        bed.sim.inject(Fault::new(Kind::Status {
            status,
            retry_after: wait.map(str::to_owned),
            body: None,
        }));

        assert_eq!(verdict(&bed).await, expected, "{status} {wait:?}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_any_call() {
    let bed = Bed::new(5).await;
    let good = Config::new(bed.sim.url(), Key::new("sb_secret_x").unwrap());
    let schema = |name: &str| Config {
        package_schema: name.into(),
        ..good.clone()
    };
    let size = |page_size| Config {
        page_size,
        ..good.clone()
    };
    let url = |base_url: &str| Config {
        base_url: base_url.into(),
        ..good.clone()
    };
    for config in [
        size(0),
        size(1_001),
        schema(""),
        schema("back office"),
        schema("a\r\nb"),
        url("nowhere"),
        url("mailto:x"),
    ] {
        let http = Http::new(bed.http.clone()).unwrap();
        let made = Client::new(config, http, Window::new(9, MINUTE));

        assert_eq!(made.unwrap_err().verdict(), Verdict::Misconfigured);
    }
    let client = bed.client();
    let error = client.customers_page(Some("2"), None).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::PageInvalid);
    assert_eq!(bed.sim.stats().calls, 0);
}

#[tokio::test]
async fn a_cursor_of_another_kind_of_key_invalidates_the_page() {
    let bed = Bed::new(5).await;

    let error = bed
        .client()
        .customers_page(Some("3:17"), None)
        .await
        .unwrap_err();

    assert_eq!(error.verdict(), Verdict::PageInvalid);
}

#[tokio::test]
async fn a_schema_that_is_not_exposed_is_a_wrong_setting() {
    let bed = Bed::new(5).await;
    let config = Config {
        package_schema: "hidden".into(),
        ..Config::new(bed.sim.url(), Key::new(&bed.key).unwrap())
    };
    let http = Http::new(bed.http.clone()).unwrap();
    let client = Client::new(config, http, Window::new(9, MINUTE)).unwrap();

    let error = client.packages_of("abc").await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Misconfigured);
}
