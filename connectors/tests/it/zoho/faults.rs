//! Limits and faults of Zoho's own, and their verdicts.

use std::time::Duration;

use connectors::Verdict;
use connectors::budget::Window;
use serde_json::json;
use sim::wire::Fault;
use sim::zoho::{OverMinute, Switches};

use super::{Bed, MINUTE, walk};

async fn verdict(bed: &Bed) -> Verdict {
    walk(&bed.client()).await.unwrap_err().verdict()
}

fn throttled(seconds: u64) -> Verdict {
    Verdict::Throttled {
        after: Some(Duration::from_secs(seconds)),
    }
}

#[tokio::test]
async fn each_limit_stops_for_as_long_as_it_lasts() {
    let table = [
        (Some(2), OverMinute::Code44, None, throttled(60)),
        (Some(2), OverMinute::Code43ForAnHour, None, throttled(3600)),
        (None, OverMinute::Code44, Some(2), throttled(3600)),
    ];
    for (per_minute, over_minute, per_day, expected) in table {
        let bed = Bed::with(
            100,
            Switches {
                per_minute,
                over_minute,
                per_day,
                ..Switches::default()
            },
        )
        .await;

        assert_eq!(verdict(&bed).await, expected);
        let calls = bed.sim.stats();
        assert_eq!(
            calls.refused.values().sum::<u64>(),
            1,
            "nobody asks again at once"
        );
    }
}

#[tokio::test]
async fn too_many_in_process_is_throttled_whatever_the_status() {
    for in_process_status in [429, 400, 200] {
        let bed = Bed::with(
            5,
            Switches {
                in_process: Some(1),
                in_process_status,
                takes_ms: 200,
                ..Switches::default()
            },
        )
        .await;
        let one = bed.client_of(bed.keeper(), Window::new(9, MINUTE));
        one.test_connection().await.unwrap();
        let (left, right) = tokio::join!(one.items_page(None, None), one.items_page(None, None));

        let refused = left.err().or(right.err()).unwrap();

        assert_eq!(refused.verdict(), throttled(5), "{in_process_status}");
    }
}

#[tokio::test]
async fn a_hundred_calls_a_minute_are_never_refused_while_the_window_is_used() {
    let bed = Bed::with(
        2_500,
        Switches {
            per_minute: Some(100),
            ..Switches::default()
        },
    )
    .await;
    let client = bed.client_of(bed.keeper(), Window::new(100, MINUTE));

    let error = walk(&client).await.unwrap_err();

    assert!(matches!(
        error.verdict(),
        Verdict::Throttled { after: Some(_) }
    ));
    assert_eq!(
        bed.sim.stats().refused.get("minute"),
        None,
        "it was ours that said no"
    );
    let walked = bed
        .sim
        .log()
        .iter()
        .filter(|call| call.path.ends_with("/items"))
        .count();
    assert_eq!(walked, 100);
}

#[tokio::test]
async fn codes_and_statuses_have_their_verdicts() {
    let coded = |status, code: u32| Fault::json(status, json!({"code": code, "message": "canary"}));
    let table = [
        (coded(200, 57), Verdict::Forbidden),
        (coded(401, 14), Verdict::Forbidden),
        (coded(200, 43), throttled(3600)),
        (coded(400, 44), throttled(60)),
        (coded(200, 45), throttled(3600)),
        (coded(400, 1070), throttled(5)),
        (coded(400, 4029), Verdict::Misconfigured),
        (coded(200, 6041), Verdict::Misconfigured),
        (coded(400, 4), Verdict::SchemaDrift),
        (coded(200, 9999), Verdict::SchemaDrift),
        (coded(404, 1002), Verdict::Misconfigured),
        (coded(403, 1), Verdict::Forbidden),
        (coded(500, 1000), Verdict::Retry),
        (
            Fault::json(200, json!({"message": "success"})),
            Verdict::SchemaDrift,
        ),
        (Fault::json(200, json!({"code": 0})), Verdict::SchemaDrift),
        (
            Fault::json(200, json!({"code": 0, "items": {}})),
            Verdict::SchemaDrift,
        ),
        (Fault::json(200, json!([])), Verdict::SchemaDrift),
        (Fault::status(301), Verdict::Misconfigured),
        (Fault::status(404), Verdict::Misconfigured),
        (Fault::status(405), Verdict::Misconfigured),
    ];
    for (fault, expected) in table {
        let bed = Bed::new(5).await;
        let shown = format!("{fault:?}");
        bed.sim.inject(fault.on_path("/items"));

        let error = walk(&bed.client()).await.unwrap_err();

        assert_eq!(error.verdict(), expected, "{shown}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_wrong_host_or_organization_is_a_wrong_setting() {
    let bed = Bed::new(5).await;
    bed.sim.inject(Fault::status(404).on_path("/items"));
    assert_eq!(verdict(&bed).await, Verdict::Misconfigured);

    let bed = Bed::new(5).await;
    let config = connectors::zoho::Config {
        api_domain: bed.sim.api_domain(),
        ..connectors::zoho::Config::new(connectors::zoho::DataCentre::Us, "999")
    };
    let http = connectors::http::Http::new(bed.http.clone()).unwrap();
    let client =
        connectors::zoho::Client::new(config, http, bed.keeper(), Window::new(9, MINUTE)).unwrap();

    let error = client.items_page(None, None).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Misconfigured);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_any_call() {
    let bed = Bed::new(5).await;
    let good = connectors::zoho::Config::new(connectors::zoho::DataCentre::Us, "1");
    let bad = [
        connectors::zoho::Config {
            api_domain: "nowhere".into(),
            ..good.clone()
        },
        connectors::zoho::Config {
            organization_id: "1&x=2".into(),
            ..good.clone()
        },
        connectors::zoho::Config {
            organization_id: String::new(),
            ..good.clone()
        },
        connectors::zoho::Config {
            page_size: 19,
            ..good.clone()
        },
        connectors::zoho::Config {
            page_size: 201,
            ..good
        },
    ];
    for config in bad {
        let http = connectors::http::Http::new(bed.http.clone()).unwrap();
        let budget = Window::new(9, MINUTE);
        let made = connectors::zoho::Client::new(config, http, bed.keeper(), budget);

        assert_eq!(made.unwrap_err().verdict(), Verdict::Misconfigured);
    }
    for id in [
        "",
        "../organizations",
        "1/active",
        "1?x",
        "12345678901234567890123",
    ] {
        let error = bed.client().item(id).await.unwrap_err();

        assert_eq!(error.verdict(), Verdict::Misconfigured, "{id}");
    }
    assert_eq!(bed.sim.stats().calls, 0);
}

#[tokio::test]
async fn a_cursor_that_is_none_of_ours_invalidates_the_page() {
    let bed = Bed::new(5).await;

    let error = bed.client().items_page(Some("2"), None).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::PageInvalid);
}

#[tokio::test]
async fn the_answer_about_another_item_is_no_answer() {
    let bed = Bed::new(5).await;
    let other =
        json!({"code": 0, "item": {"item_id": "1", "name": "x", "status": "active", "rate": 1}});
    bed.sim.inject(Fault::json(200, other).on_path("/items/"));
    let id = bed.sim.items()[0].id.to_string();

    let error = bed.client().item(&id).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::SchemaDrift);
}
