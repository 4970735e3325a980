//! Every verdict at every call of a sync: what is stored stays true, and the run ends as it should.

use engine::{NewJob, State};
use futures::StreamExt as _;
use jobs::run::Status;
use jobs::zoho::{sync_items_of, sync_of};
use serde_json::json;
use sim::wire::{Fault, Kind};

use super::support::House;
use crate::connection::{ZOHO, until};

/// Cases at a time: each has a database and a vendor of its own.
const AT_ONCE: usize = 4;
/// Pages of the listing, and items that are asked for by id.
const CALLS: u32 = 3;

#[derive(Clone)]
struct Case {
    what: &'static str,
    fault: Fault,
    /// The code that the job ends with; none when it ends well.
    ends_with: Option<&'static str>,
}

fn case(what: &'static str, fault: Fault, ends_with: Option<&'static str>) -> Case {
    Case {
        what,
        fault,
        ends_with,
    }
}

fn code(status: u16, code: u32) -> Fault {
    Fault::json(status, json!({"code": code, "message": "x"}))
}

fn throttled() -> Fault {
    Fault::new(Kind::Status {
        status: 429,
        retry_after: Some("1".into()),
        body: Some(json!({"code": 44, "message": "x"})),
    })
}

/// What passes by itself, or by a renewed token, costs an attempt at the most.
fn passing() -> Vec<Case> {
    vec![
        case("a gateway's page", Fault::status(502), None),
        case("half an answer", Fault::new(Kind::MalformedJson), None),
        case("no answer at all", Fault::new(Kind::EmptyBody), None),
        case("another's page", Fault::new(Kind::Html), None),
        case(
            "a broken connection",
            Fault::new(Kind::CutReply { after_bytes: 10 }),
            None,
        ),
        case("expired token", code(401, 57), None),
        case("throttled", throttled(), None),
    ]
}

/// What does not pass ends the run, and changes nothing that is stored.
fn lasting() -> Vec<Case> {
    vec![
        case("schema drift", code(200, 9_999), Some("schema_drift")),
        case(
            "nothing of what was asked for",
            Fault::json(200, json!({"code": 0})),
            Some("schema_drift"),
        ),
        case("forbidden", code(403, 0), Some("forbidden")),
        case(
            "wrong organisation",
            code(400, 6_041),
            Some("misconfigured"),
        ),
    ]
}

fn faults() -> Vec<Case> {
    let mut all = passing();
    all.extend(lasting());
    all
}

async fn run_all<F: Future<Output = ()>>(cases: impl Iterator<Item = F>) {
    futures::stream::iter(cases)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// One fault at one call of a job; then the sync of all is right.
async fn strike(case: Case, call: u32, job: fn(&House) -> NewJob) {
    let Case {
        what,
        fault,
        ends_with,
    } = case;
    let shown = format!("{what} at call {call}");
    let house = House::of(55).await.at_leisure();
    let _worker = house.worker();
    if what == "expired token" {
        house.synced_items(&[&house.ids()[0]]).await;
        house.a_while_later().await;
    }
    let before = house.products().await.len();
    house
        .vendor()
        .inject(fault.on_path("/items").after(call).times(1));

    let first = house.run(job(&house)).await;

    match ends_with {
        Some(code) => {
            let ended = (first.state, first.code.as_deref());
            assert_eq!(ended, (State::Dead, Some(code)), "{shown}");
            assert_eq!(house.latest_run().await.status, Status::Failed, "{shown}");
            let stored = house.products().await.len() - before;
            assert!(stored <= 20 * call as usize, "{shown}: {stored}");
        }
        None => assert_eq!(
            first.state,
            State::Completed,
            "{shown}: {:?} {:?}",
            first.code,
            first.error
        ),
    }
    assert!(house.gone().await.is_empty(), "{shown}");
    house.close_breaker().await;
    house.synced().await;
    house.assert_true().await;
}

async fn strike_all(cases: Vec<Case>, job: fn(&House) -> NewJob) {
    let at_every_call = |case: Case| (0..CALLS).map(move |call| (case.clone(), call));
    let cases = cases.into_iter().flat_map(at_every_call);

    run_all(cases.map(|(case, call)| strike(case, call, job))).await;
}

fn all_items(_: &House) -> NewJob {
    sync_of(ZOHO, false, "test")
}

fn three_items(house: &House) -> NewJob {
    let ids = house.ids()[..CALLS as usize].to_vec();
    sync_items_of(ZOHO, ids, "test")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_any_call_of_a_listing_leaves_what_is_true() {
    let mut cases = passing();
    let elsewhere = Fault::new(Kind::DuplicatePage);
    cases.push(case("page of another place", elsewhere, None));

    strike_all(cases, all_items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lasts_at_any_call_of_a_listing_ends_it_and_leaves_what_is_true() {
    strike_all(lasting(), all_items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_any_single_item_leaves_what_is_true() {
    let mut cases = passing();
    // An answer about this very item that is a refusal: the others are no worse for it.
    cases.push(case("an item that is not given", code(200, 9_999), None));

    strike_all(cases, three_items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lasts_at_any_single_item_ends_the_sync_and_leaves_what_is_true() {
    let mut cases = lasting();
    cases.retain(|case| case.what != "schema drift");

    strike_all(cases, three_items).await;
}

/// A call for a token that brings none: the job waits for the next, or for a person, and loses no attempt that
/// a fault of the remote would not cost.
async fn without_a_token(what: &'static str, fault: Fault, parks: bool) {
    let house = House::of(25).await.at_leisure();
    house.vendor().inject(fault.on_path("/token").times(1));
    let mut worker = house.worker();
    let id = house.enqueue(sync_of(ZOHO, false, "test")).await;
    house.struck().await;
    let parked = async || house.inner.row("is_revoked").await == "true";

    if parks {
        until(what, parked).await;
        let job = house.engine().job(id).await.unwrap().unwrap();
        assert!(!job.state.is_terminal(), "{what}: {:?}", job.code);
        assert_eq!(job.failed, 0, "{what}");
        let mut tx = house.env.pool.begin().await.unwrap();
        let actor = engine::Actor::new("nok", "test");
        let all = &house.env.connections;
        jobs::connection::ops::reauthorise(all, &mut tx, ZOHO, None, &actor)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    } else {
        let waits = async || {
            let state = house.engine().job(id).await.unwrap().unwrap().state;
            // What passes within the call has no trace.
            let is_told = !house.inner.row("code").await.is_empty();
            state.is_terminal() || (state == State::Available && is_told)
        };
        until(what, waits).await;
        assert!(!parked().await, "{what}");
        house
            .sql("update sync.credential set retry_at = null")
            .await;
        let actor = engine::Actor::new("nok", "test");
        // Ten minutes later, for all that the next process knows.
        worker.stop().await;
        worker = house.successor();
        // It may have gone on by itself.
        let _ = house.engine().retry(id, &actor).await;
    }
    house.close_breaker().await;
    let job = house.end_of(id).await;

    assert_eq!(job.state, State::Completed, "{what}: {:?}", job.error);
    house.assert_true().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_at_the_call_for_a_token_is_waited_out_or_parks() {
    let said = |status, word: &str| Fault::json(status, json!({"error": word}));
    let cases = [
        ("a gateway's page", Fault::status(502), false),
        ("half an answer", Fault::new(Kind::MalformedJson), false),
        ("no answer at all", Fault::new(Kind::EmptyBody), false),
        ("another's page", Fault::new(Kind::Html), false),
        (
            "a broken connection",
            Fault::new(Kind::CutReply { after_bytes: 10 }),
            false,
        ),
        ("too many calls", said(400, "Access Denied"), false),
        ("too many calls in a 200", said(200, "Access Denied"), false),
        ("a revoked grant in a 200", said(200, "invalid_code"), true),
        ("a revoked grant", said(400, "invalid_code"), true),
        ("a client that is none", said(200, "invalid_client"), true),
    ];

    run_all(
        cases
            .into_iter()
            .map(|(what, fault, parks)| without_a_token(what, fault, parks)),
    )
    .await;
}

#[tokio::test]
async fn r5_no_fault_while_reading_is_ever_news_of_an_item() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.versions().await;
    // Those two are waited for and renewed, and so never end.
    let endless = |what: &str| what == "throttled" || what == "expired token";
    for Case { what, fault, .. } in faults().into_iter().filter(|case| !endless(case.what)) {
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
