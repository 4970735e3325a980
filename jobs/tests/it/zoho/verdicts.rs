//! Every verdict at every call of a walk: what is stored stays true, and the run ends as it should.

use engine::State;
use jobs::run::Status;
use jobs::zoho::sync_of;
use serde_json::json;
use sim::wire::{Fault, Kind};

use super::support::House;
use crate::connection::ZOHO;

fn faults() -> Vec<(&'static str, Fault, Option<&'static str>)> {
    let code = |status: u16, code: u32| Fault::json(status, json!({"code": code, "message": "x"}));
    vec![
        // What passes by itself, or by a renewed token, costs an attempt at the most.
        ("retry: a gateway's page", Fault::status(502), None),
        (
            "retry: half an answer",
            Fault::new(Kind::MalformedJson),
            None,
        ),
        (
            "retry: a broken connection",
            Fault::new(Kind::CutReply { after_bytes: 10 }),
            None,
        ),
        ("expired token", code(401, 57), None),
        (
            "throttled",
            Fault::new(Kind::Status {
                status: 429,
                retry_after: Some("1".into()),
                body: Some(json!({"code": 44, "message": "x"})),
            }),
            None,
        ),
        (
            "page of another place",
            Fault::new(Kind::DuplicatePage),
            None,
        ),
        // What does not pass ends the run, and changes nothing that is stored.
        ("schema drift", code(200, 9_999), Some("schema_drift")),
        (
            "no list at all",
            Fault::json(200, json!({"code": 0})),
            Some("schema_drift"),
        ),
        ("forbidden", code(403, 0), Some("forbidden")),
        (
            "wrong organisation",
            code(400, 6_041),
            Some("misconfigured"),
        ),
    ]
}

#[tokio::test]
async fn every_verdict_at_every_call_leaves_what_is_true() {
    for (what, fault, ends_with) in faults() {
        for call in [0, 2] {
            let house = House::of(55).await;
            let _worker = house.worker();
            if what == "expired token" {
                house.synced_items(&[&house.ids()[0]]).await;
                house.a_while_later().await;
            }
            house
                .vendor()
                .inject(fault.clone().on_path("/items").after(call).times(1));

            let first = house.run(sync_of(ZOHO, false, "test")).await;

            match ends_with {
                Some(code) => {
                    assert_eq!(
                        (first.state, first.code.as_deref()),
                        (State::Dead, Some(code)),
                        "{what} at call {call}"
                    );
                    assert_eq!(house.latest_run().await.status, Status::Failed, "{what}");
                    let stored = house.products().await.len();
                    assert!(stored <= 20 * call as usize, "{what} at {call}: {stored}");
                }
                None => assert_eq!(
                    first.state,
                    State::Completed,
                    "{what} at call {call}: {:?} {:?}",
                    first.code,
                    first.error
                ),
            }
            assert!(house.gone().await.is_empty(), "{what} at call {call}");
            house.synced().await;
            house.assert_true().await;
        }
    }
}

#[tokio::test]
async fn r5_no_fault_while_reading_is_ever_news_of_an_item() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.versions().await;
    // Those two are waited for and renewed, and so never end.
    let endless = |what: &str| what == "throttled" || what == "expired token";
    let ends = faults().into_iter().filter(|(what, ..)| !endless(what));
    for (what, fault, _) in ends {
        house.vendor().inject(fault.on_path("/items"));

        let job = house.run(sync_of(ZOHO, false, "test")).await;

        assert_eq!(job.state, State::Dead, "{what}");
        assert_eq!(house.versions().await, before, "{what}");
        house.vendor().clear_faults();
        // Fault after fault, it would open, and the next job wait.
        house.close_breaker().await;
    }
    assert!(house.gone().await.is_empty());
}
