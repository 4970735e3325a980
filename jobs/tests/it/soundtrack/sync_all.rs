//! `soundtrack.sync_all`: one child a company, and their totals.

use engine::{Filter, State};
use jobs::soundtrack::{FailedCompany, Totals, enqueue_sync, enqueue_sync_all};
use sim::soundtrack::{Fault, FaultKind};

use crate::support::House;

impl House {
    async fn totals(&self) -> Totals {
        let enqueued = enqueue_sync_all(self.engine(), "test").await.unwrap();
        let job = self.end_of(enqueued).await;
        assert_eq!(job.state, State::Completed, "{:?}", job.error);
        serde_json::from_value(job.result.unwrap()).unwrap()
    }

    async fn batch(&self, owner: uuid::Uuid) -> Option<engine::Batch> {
        self.engine().batches(owner).await.unwrap().pop()
    }
}

#[tokio::test]
async fn every_company_with_an_account_is_synced_and_counted() {
    let house = House::new().await;
    let _worker = house.worker();
    let (one, first) = house.company_with(3).await;
    let (two, second) = house.company_with(4).await;
    house.company(None).await;

    let totals = house.totals().await;
    let again = house.totals().await;

    assert_eq!(
        (
            totals.companies,
            totals.skipped,
            totals.synced,
            totals.errors
        ),
        (2, 1, 7, 0)
    );
    assert_eq!((totals.created, again.unchanged, again.created), (7, 7, 0));
    house.assert_true(one, &first).await;
    house.assert_true(two, &second).await;
}

#[tokio::test]
async fn one_companys_failure_stops_no_other() {
    let house = House::new().await;
    let _worker = house.worker();
    let (good, account) = house.company_with(3).await;
    let (bad, forbidden) = house.company_with(2).await;
    let (worse, broken) = house.company_with(2).await;

    house
        .remote
        .inject(Fault::new(FaultKind::Forbidden).on_account(forbidden));
    house.remote.inject(
        Fault::new(FaultKind::NullData {
            message: "x".into(),
        })
        .on_account(broken),
    );
    let totals = house.totals().await;

    assert_eq!(
        (
            totals.companies,
            totals.synced,
            totals.errors,
            totals.companies_failed
        ),
        (3, 3, 2, 2)
    );
    let mut failed = totals.failed;
    failed.sort_by_key(|one| one.company_id);
    let named = |company_id, code: &str| FailedCompany {
        company_id,
        code: code.into(),
    };
    assert_eq!(
        failed,
        [named(bad, "forbidden"), named(worse, "remote_failed")]
    );
    house.assert_true(good, &account).await;
}

#[tokio::test]
async fn a_parent_that_is_tried_again_has_its_children_once() {
    let house = House::with_pages_of(10).await;
    let (_, account) = house.company_with(30).await;
    house.company_with(2).await;
    let slow = Fault::new(FaultKind::Slow { delay_ms: 600_000 });
    house
        .remote
        .inject(slow.on_account(&account).after(1).times(1));
    let first = house.worker();
    let parent = enqueue_sync_all(house.engine(), "test").await.unwrap();
    house
        .until("the children run", async || {
            house
                .batch(parent.id)
                .await
                .is_some_and(|batch| batch.completed == 1)
                && house.remote.stats().calls == 3
        })
        .await;

    drop(first);
    let _second = house.worker();
    let job = house.end_of(parent).await;

    assert_eq!(job.state, State::Completed);
    let children = Filter::new().parent(parent.id);
    let children = house.engine().jobs(children).await.unwrap().data;
    assert_eq!(children.len(), 2);
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!((totals.synced, totals.errors), (32, 0));
}

#[tokio::test]
async fn a_sync_that_somebody_asked_for_stands_for_the_child_and_is_counted() {
    let house = House::new().await;
    let (one, account) = house.company_with(3).await;
    house.company_with(2).await;
    // Asked for twice, before any worker is there.
    let asked = enqueue_sync(house.engine(), one, "test").await.unwrap();
    let twice = enqueue_sync(house.engine(), one, "test").await.unwrap();
    let parent = enqueue_sync_all(house.engine(), "test").await.unwrap();
    let slow = Fault::new(FaultKind::Slow { delay_ms: 1_000 });
    house.remote.inject(slow.on_account(&account).times(1));
    let _worker = house.worker();

    let job = house.end_of(parent).await;

    assert_eq!(asked.id, twice.id);
    let batch = house.batch(parent.id).await.unwrap();
    assert_eq!((batch.completed, batch.pending), (2, 0));
    let children = Filter::new().parent(parent.id);
    let children = house.engine().jobs(children).await.unwrap().data;
    assert_eq!(children.len(), 1, "the other company's job is not ours");
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!((totals.companies, totals.synced, totals.errors), (2, 5, 0));
}

#[tokio::test]
async fn a_sync_that_somebody_waits_for_runs_before_the_children_of_a_bulk() {
    let house = House::new().await;
    let mut companies = Vec::new();
    for _ in 0..6 {
        companies.push(house.company_with(1).await.0);
    }
    let last = house.company(None).await;
    let parent = enqueue_sync_all(house.engine(), "test").await.unwrap();
    let options = crate::support::options(1);
    let bulk = engine::testing::run_worker(house.engine(), house.registry(), options.clone());
    house
        .until("the children are there", async || {
            house
                .batch(parent.id)
                .await
                .is_some_and(|batch| batch.pending > 0)
        })
        .await;
    let interactive = enqueue_sync(house.engine(), last, "test").await.unwrap();

    let job = house.engine().job(interactive.id).await.unwrap().unwrap();
    let children = Filter::new().parent(parent.id);
    let children = house.engine().jobs(children).await.unwrap().data;
    house.end_of(parent).await;
    bulk.stop().await;

    assert_eq!(children.len(), companies.len());
    assert!(children.iter().all(|child| child.priority > job.priority));
}

#[tokio::test]
async fn nothing_to_sync_is_a_sync_of_nothing() {
    let house = House::new().await;
    let _worker = house.worker();
    house.company(None).await;

    let totals = house.totals().await;

    assert_eq!(
        totals,
        Totals {
            skipped: 1,
            ..Totals::default()
        }
    );
}

#[tokio::test]
async fn r18_the_failures_that_a_result_names_are_capped_and_hold_no_text() {
    let house = House::new().await;
    let _worker = house.worker();
    for _ in 0..23 {
        house.company_with(1).await;
    }

    house.remote.inject(Fault::new(FaultKind::Forbidden));
    let totals = house.totals().await;

    assert_eq!(
        (totals.companies_failed, totals.errors, totals.failed.len()),
        (23, 23, 20)
    );
    assert!(totals.failed.iter().all(|one| one.code == "forbidden"));
}
