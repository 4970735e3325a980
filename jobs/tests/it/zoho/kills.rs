//! Resume from every intermediate state: a sync with a renewal, two walks and a sweep is killed before and after
//! each of its remote calls and at each of its commits, and ends as if nothing had been.

use engine::State;
use futures::StreamExt as _;
use jobs::run::Status;
use jobs::zoho::sync_of;
use sim::wire::{Fault, Kind};
use sim::zoho::ItemPatch;

use super::support::House;
use crate::connection::ZOHO;

/// Cases at a time: each has a database and a vendor of its own.
const AT_ONCE: usize = 4;
/// Listing calls of such a sync: three pages, twice.
const PAGES: u32 = 6;

/// A synced organisation, whose token has run out, with one item changed since, one added and one deleted.
struct Scene {
    house: House,
    changed: String,
    added: String,
    deleted: String,
    rows: usize,
}

impl Scene {
    async fn set() -> Scene {
        let house = House::of(45).await.at_leisure();
        {
            let worker = house.worker();
            house.synced().await;
            worker.stop().await;
        }
        house.a_while_later().await;
        house.vendor().expire_access_tokens();
        let ids = house.ids();
        let patch = ItemPatch {
            rate: Some("77.10".into()),
            ..ItemPatch::default()
        };
        house.change(&ids[30], patch);
        house.delete(&ids[4]);
        Scene {
            added: house.add("Cup"),
            changed: ids[30].clone(),
            deleted: ids[4].clone(),
            rows: ids.len() + 1,
            house,
        }
    }

    /// Lets the job end, by a worker that knows nothing, and looks at everything that it was to do.
    async fn ends_well(&self, job: uuid::Uuid, shown: &str) {
        let worker = self.house.successor();
        let job = self.house.end_of(job).await;
        worker.stop().await;

        assert_eq!(job.state, State::Completed, "{shown}: {:?}", job.error);
        self.house.assert_true().await;
        assert_eq!(self.house.gone().await, [self.deleted.as_str()], "{shown}");
        assert_eq!(self.house.products().await.len(), self.rows, "{shown}");
        let run = self.house.latest_run().await;
        assert_eq!(run.status, Status::Succeeded, "{shown}: {run:?}");
        assert_eq!(
            (run.counters.created, run.counters.updated, run.orphaned),
            (1, 1, 1),
            "{shown}: {run:?}"
        );
        // Done once and told once, however often it was begun.
        for (id, events) in [
            (&self.added, vec!["created"]),
            (&self.changed, vec!["updated", "created"]),
            (&self.deleted, vec!["gone", "created"]),
        ] {
            let told = self.house.history(id).await;
            let told: Vec<&str> = told.iter().map(|one| one.event.as_str()).collect();
            assert_eq!(told, events, "{shown}: {id}");
        }
        let left: (i64, i64) = sqlx::query_as(
            "select (select count(*) from sync.run where status = 'running'), (select count(*) from sync.page)",
        )
        .fetch_one(&self.house.env.pool)
        .await
        .unwrap();
        assert_eq!(left, (0, 0), "{shown}");
    }
}

/// Kills the worker while a call is with the vendor: before it has any effect there, or after.
async fn killed_at_call(path: &'static str, call: u32, kind: Kind) {
    let shown = format!("killed at call {call} of {path}, {kind:?}");
    let scene = Scene::set().await;
    let fault = Fault::new(kind).on_path(path).after(call).times(1);
    scene.house.vendor().inject(fault);
    let first = scene.house.worker();
    let job = scene.house.enqueue(sync_of(ZOHO, false, "test")).await;
    scene.house.struck().await;

    drop(first);
    // What the dead process held is free once its lease is over.
    scene
        .house
        .sql("update sync.credential set lease_until = now() where lease_until is not null")
        .await;
    scene.ends_well(job, &shown).await;
}

/// Takes back the `nth` transaction that writes a table, at its very commit.
async fn killed_at_commit(table: &'static str, nth: u32) {
    let shown = format!("taken back at commit {nth} of {table}");
    let scene = Scene::set().await;
    // A sequence counts on when its transaction is taken back.
    let sql = format!(
        "create sequence public.commits; \
         create function public.kill() returns trigger language plpgsql as $$ begin \
             if nextval('public.commits') = {nth} then raise exception 'killed' using errcode = '57P01'; end if; \
             return null; end $$; \
         create constraint trigger kill after insert or update on {table} deferrable initially deferred \
             for each row execute function public.kill();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&scene.house.env.pool)
        .await
        .unwrap();
    let first = scene.house.worker();
    let job = scene.house.enqueue(sync_of(ZOHO, false, "test")).await;
    let is_struck = async || {
        let commits: i64 =
            sqlx::query_scalar("select last_value from public.commits where is_called")
                .fetch_optional(&scene.house.env.pool)
                .await
                .unwrap()
                .unwrap_or(0);
        commits >= i64::from(nth)
    };
    crate::connection::until("a commit is taken back", is_struck).await;

    drop(first);
    scene
        .house
        .sql(
            "update sync.credential set lease_until = now() where lease_until is not null; \
              update sync.credential set retry_at = null",
        )
        .await;
    scene.ends_well(job, &shown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_or_after_any_call_of_a_sync_loses_and_repeats_nothing() {
    let held = || Kind::Slow { delay_ms: 600_000 };
    let mut cases = vec![("/token", 0, Kind::Silence), ("/token", 0, held())];
    for call in 0..PAGES {
        cases.push(("/items", call, Kind::Silence));
        cases.push(("/items", call, held()));
    }

    futures::stream::iter(cases)
        .map(|(path, call, kind)| killed_at_call(path, call, kind))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_taken_back_at_any_of_its_commits_loses_and_repeats_nothing() {
    // The opening of the run, its pages, and its end with the sweep; the renewal: lease, intent, token.
    let of_run = (1..=PAGES + 1).map(|nth| ("sync.run", nth));
    let of_renewal = (1..=3).map(|nth| ("sync.credential", nth));

    futures::stream::iter(of_run.chain(of_renewal))
        .map(|(table, nth)| killed_at_commit(table, nth))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}
