//! Every verdict at every call that a sync of a profile makes: what is stored stays, the job ends as the verdict says,
//! and once the fault is over the rows are what the CRM has.

use std::time::Duration;

use engine::{Actor, JobView, State};
use jobs::connection::ops;
use serde_json::json;
use sim::supabase::Change;
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::{Customer, House, SHOP, connections};
use crate::connection::until;

/// Shares of the table at a time, each with a database and a CRM of its own.
const AT_ONCE: usize = 5;

/// How a profile stands to its customer when it is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Never synced: number, address, hash, packages.
    First,
    /// Its hash still means its customer.
    Linked,
    /// Another name and number, and so another hash.
    Renamed,
    /// The CRM was loaded anew, with other ids.
    Reloaded,
}

/// What becomes of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Well,
    /// It loses no attempt either.
    WellUncounted,
    Dead(&'static str),
    /// The connection waits for a person, and the job with it.
    Parked,
}

struct Case {
    what: &'static str,
    fault: Fault,
    ends: Ends,
}

/// A profile with two packages at the CRM, about to be synced.
struct Scene {
    profile: Uuid,
    customer: String,
    packages: [String; 2],
}

fn case(what: &'static str, fault: Fault, ends: Ends) -> Case {
    Case { what, fault, ends }
}

fn throttled(retry_after: &str) -> Fault {
    Fault::new(Kind::Status {
        status: 429,
        retry_after: Some(retry_after.into()),
        body: None,
    })
}

fn said(status: u16, code: &str) -> Fault {
    Fault::json(
        status,
        json!({"code": code, "message": "x", "details": null, "hint": null}),
    )
}

fn cases() -> Vec<Case> {
    use Ends::{Dead, Parked, Well, WellUncounted};
    vec![
        case("408", Fault::status(408), Well),
        case("500", Fault::status(500), Well),
        case("502", Fault::status(502), Well),
        case("503", Fault::status(503), Well),
        case("504", Fault::status(504), Well),
        case("no schema cache", said(503, "PGRST002"), Well),
        case("no connection in time", said(504, "PGRST003"), Well),
        case("a statement that took too long", said(500, "57014"), Well),
        case(
            "a reset",
            Fault::new(Kind::CutReply { after_bytes: 0 }),
            Well,
        ),
        case(
            "a cut reply",
            Fault::new(Kind::CutReply { after_bytes: 5 }),
            Well,
        ),
        case("half of the JSON", Fault::new(Kind::MalformedJson), Well),
        case("HTML for JSON", Fault::new(Kind::Html), Well),
        case("an empty body", Fault::new(Kind::EmptyBody), Well),
        case("an empty page", Fault::new(Kind::EmptyPage), Well),
        case("429 with Retry-After", throttled("1"), WellUncounted),
        case("401", Fault::status(401), Parked),
        case("an expired key", said(401, "PGRST303"), Parked),
        case("403", Fault::status(403), Dead("forbidden")),
        case(
            "no right to the table",
            said(403, "42501"),
            Dead("forbidden"),
        ),
        case("404", Fault::status(404), Dead("misconfigured")),
        case(
            "an unknown function",
            said(404, "PGRST202"),
            Dead("schema_drift"),
        ),
        case(
            "an error of the function",
            said(400, "P0001"),
            Dead("rejected"),
        ),
        case(
            "an object for a list",
            Fault::json(200, json!({"rows": 0})),
            Dead("schema_drift"),
        ),
        case(
            "a text for a list",
            Fault::json(200, json!("ok")),
            Dead("schema_drift"),
        ),
        case("numbers for rows", Fault::json(200, json!([1, 2])), Well),
        case("nothing, and no count", Fault::json(200, json!([])), Well),
    ]
}

impl House {
    /// Somebody new, as `path` has them.
    async fn scene(&self, path: Path, nth: usize) -> Scene {
        let (name, phone) = (format!("Guest Number{nth}x"), format!("08{nth:08}"));
        let email = format!("guest{nth}@example.com");
        let first = self.customer(&name, &phone, &email);
        let packages = [nth * 2, nth * 2 + 1].map(|id| self.package(&first.hash, id as u64, "10"));
        let profile = self.profile(&name, &phone, &email).await;
        if path != Path::First {
            self.synced(profile).await;
        }
        let customer = match path {
            Path::First | Path::Linked => first.id,
            Path::Renamed => self.renamed(first, &packages, nth),
            Path::Reloaded => {
                let (table, id) = ("customers".to_owned(), first.id);
                self.crm.change(Change::DeleteRow { table, id }).unwrap();
                self.customer(&name, &phone, &email).id
            }
        };
        Scene {
            profile,
            customer,
            packages,
        }
    }

    fn renamed(&self, customer: Customer, packages: &[String], nth: usize) -> String {
        let (name, phone) = (format!("Married Name{nth}x"), format!("09{nth:08}"));
        let hash = connectors::supabase::stable_hash(&name, &phone);
        let set = json!({"customer_name": name, "contact_number": phone, "stable_hash_id": hash});
        self.change("customers", &customer.id, set);
        for id in packages {
            self.change("package_rows", id, json!({"stable_hash_id": hash}));
        }
        customer.id
    }

    async fn ids(&self, profile: Uuid) -> Vec<String> {
        let hours = self.hours(profile).await;
        hours.into_iter().map(|(id, _)| id).collect()
    }

    /// Packages that are missing or gone, whoever's.
    async fn marked(&self) -> i64 {
        sqlx::query_scalar("select count(*) from sync.package where missing_since is not null")
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }

    async fn is_parked(&self) -> bool {
        let view = ops::show(&self.env.connections, SHOP).await.unwrap();
        view.state.as_str() == "needs_reauthorisation"
    }

    async fn at_rest(&self) {
        self.crm.clear_faults();
        let actor = Actor::new("test", "test");
        self.engine()
            .close_breaker(SHOP, None, &actor)
            .await
            .unwrap();
    }

    /// The sync of a scene, to its end; a parked connection gets its key again on the way.
    async fn struck(&self, scene: &Scene, ends: Ends) -> JobView {
        let enqueued = self.engine().enqueue(self.sync_now(scene.profile)).await;
        let id = enqueued.unwrap().id;
        if ends == Ends::Parked {
            until("it is parked", async || self.is_parked().await).await;
            let job = self.engine().job(id).await.unwrap().unwrap();
            assert!(!job.state.is_terminal(), "{:?}", job.code);
            let mut tx = self.env.pool.begin().await.unwrap();
            let (all, actor) = (&self.env.connections, Actor::new("nok", "test"));
            ops::reauthorise(all, &mut tx, SHOP, None, &actor)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        let state = self.engine().wait(id, crate::support::PATIENCE).await;
        assert!(state.unwrap().is_terminal(), "{ends:?}");
        self.engine().job(id).await.unwrap().unwrap()
    }

    async fn assert_true(&self, scene: &Scene, shown: &str) {
        self.at_rest().await;
        self.synced(scene.profile).await;
        assert_eq!(self.ids(scene.profile).await, scene.packages, "{shown}");
        let customer = self.customer_of(scene.profile).await;
        assert_eq!(customer.as_ref(), Some(&scene.customer), "{shown}");
        assert_eq!(self.marked().await, 0, "{shown}");
    }
}

/// How many calls a sync on this path has when nothing is wrong.
async fn calls_of(house: &House, path: Path) -> u32 {
    let scene = house.scene(path, 100).await;
    let before = house.crm.stats().calls;
    house.synced(scene.profile).await;
    let calls = house.crm.stats().calls - before;
    house.assert_true(&scene, "without a fault").await;
    u32::try_from(calls).unwrap()
}

async fn every_verdict_at_every_call(path: Path, calls: u32) {
    let mut shares: [Vec<Case>; AT_ONCE] = Default::default();
    for (nth, case) in cases().into_iter().enumerate() {
        shares[nth % AT_ONCE].push(case);
    }
    futures::future::join_all(shares.map(|share| strike_all(path, calls, share))).await;
}

/// These cases at each call, one after the other: a fault is of the whole CRM.
async fn strike_all(path: Path, calls: u32, cases: Vec<Case>) {
    let house = House::new().await;
    let _worker = house.worker();
    assert_eq!(calls_of(&house, path).await, calls, "{path:?}");
    let at_every_call = cases
        .iter()
        .flat_map(|case| (0..calls).map(move |call| (case, call)));
    for ((case, call), nth) in at_every_call.zip(200..) {
        strike(&house, path, (case, call), nth).await;
    }
}

async fn strike(house: &House, path: Path, (case, call): (&Case, u32), nth: usize) -> JobView {
    let shown = format!("{path:?}: {} at call {call}", case.what);
    let scene = house.scene(path, nth).await;
    house.crm.inject(case.fault.clone().after(call).times(1));

    let job = house.struck(&scene, case.ends).await;

    let ended = (job.state, job.code.as_deref());
    match case.ends {
        Ends::Dead(code) => assert_eq!(ended, (State::Dead, Some(code)), "{shown}"),
        _ => assert_eq!(job.state, State::Completed, "{shown}: {:?}", job.error),
    }
    if matches!(case.ends, Ends::WellUncounted | Ends::Parked) {
        assert_eq!(job.failed, 0, "{shown}");
    }
    let stored = house.ids(scene.profile).await;
    match (path, case.ends) {
        (Path::First, Ends::Dead(_)) => assert!(stored.is_empty(), "{shown}"),
        _ => assert_eq!(stored, scene.packages, "{shown}"),
    }
    assert_eq!(house.marked().await, 0, "{shown}");
    house.assert_true(&scene, &shown).await;
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_at_every_call_of_a_first_sync_loses_nothing() {
    every_verdict_at_every_call(Path::First, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_at_every_call_of_a_linked_profile_loses_nothing() {
    every_verdict_at_every_call(Path::Linked, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_at_every_call_of_a_renamed_profile_loses_nothing() {
    every_verdict_at_every_call(Path::Renamed, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_at_every_call_of_a_reloaded_profile_loses_nothing() {
    every_verdict_at_every_call(Path::Reloaded, 8).await;
}

/// Long enough for an honest answer on a busy machine.
const GIVES_UP: Duration = Duration::from_secs(3);

/// What takes its time has a house for each call of its own, all at once.
async fn strike_each_call_apart(house: impl AsyncFn() -> House, case: &Case) -> Vec<(House, Uuid)> {
    let each = (0..4).map(async |call| {
        let house = house().await;
        let worker = house.worker();
        let job = strike(&house, Path::First, (case, call), 200).await;
        worker.stop().await;
        (house, job.id)
    });
    futures::future::join_all(each).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_names_no_time_is_waited_out_at_every_call_of_a_first_sync() {
    let case = case("429 alone", Fault::status(429), Ends::WellUncounted);

    let struck = strike_each_call_apart(House::new, &case).await;

    for (call, (house, job)) in struck.iter().enumerate() {
        let attempts = house.engine().attempts(*job).await.unwrap();
        let first = &attempts[0];
        let ended = (first.outcome.as_str(), first.code.as_deref());
        assert_eq!(ended, ("snooze", Some("throttled")), "call {call}");
        let wait = first.next_run_at.unwrap().duration_since(first.started_at);
        assert!(wait.as_secs() >= 9, "call {call}: {wait}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_in_time_is_tried_again_at_every_call_of_a_first_sync() {
    let case = case("no answer", Fault::new(Kind::Silence), Ends::Well);
    let hasty = async || {
        let mut house = House::new().await;
        let key = &house.crm.config().secret_key;
        let connections = connections(house.engine(), &house.crm.url(), key);
        house.env.connections = connections.giving_up_after(GIVES_UP);
        house
    };

    let struck = strike_each_call_apart(hasty, &case).await;

    for (call, (house, job)) in struck.iter().enumerate() {
        let job = house.engine().job(*job).await.unwrap().unwrap();
        assert_eq!(job.failed, 1, "call {call}");
    }
}
