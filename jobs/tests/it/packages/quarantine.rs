//! Packages that cannot be read: kept as they came, retried, ignored, cleared.

use engine::State;
use jobs::packages::{STREAM, SyncAll, Totals, preview, sync_all_of};
use jobs::quarantine::{self, Filter, Quarantined, Status};
use serde_json::{Value, json};
use sim::supabase::Change;

use super::{House, adas};

impl House {
    pub(super) async fn bad(&self, status: Status) -> Vec<Quarantined> {
        let filter = Filter {
            stream: Some(STREAM.to_owned()),
            status: Some(status),
            before: None,
        };
        let page = quarantine::list(&self.env.pool, &filter, 50).await;
        page.unwrap().data
    }

    pub(super) fn spoil(&self, id: &str) {
        self.change("package_rows", id, json!({"package_pax_from_def": -1}));
    }

    fn mend(&self, id: &str) {
        self.change("package_rows", id, json!({"package_pax_from_def": 2}));
    }

    async fn ignore(&self, id: i64) {
        let mut conn = self.env.pool.acquire().await.unwrap();
        quarantine::ignore(&mut conn, id, ("nok", "a test of theirs"))
            .await
            .unwrap();
    }

    async fn retry(&self, id: i64) -> engine::NewJob {
        let mut conn = self.env.pool.acquire().await.unwrap();
        quarantine::retry_job(&mut conn, id, "nok").await.unwrap()
    }

    /// Every row of packages and links, as it stands.
    pub(super) async fn written(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select p::text || p.xmin from sync.package p union all select l::text || l.xmin from sync.customer_link l \
             order by 1",
        )
        .fetch_all(&self.env.pool)
        .await
        .unwrap()
    }

    async fn bulk(&self) -> Totals {
        let asked = SyncAll {
            pause_ms: 0,
            ..SyncAll::default()
        };
        let job = self.end_of(sync_all_of(&asked, "test")).await;
        assert_eq!(job.state, State::Completed, "{:?}", job.error);
        serde_json::from_value(job.result.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_package_that_cannot_be_read_is_kept_as_it_came_and_stops_no_other() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    house.spoil("1");
    house.package(&customer.hash, 3, "1");
    let _worker = house.worker();

    let planned = preview(&house.env, profile).await.unwrap();
    let job = house.end_of(house.sync_now(profile)).await;
    let again = house.synced(profile).await.changes;

    assert_eq!(planned.bad, 1);
    let told = planned.changes.iter().find(|one| one.key == "1").unwrap();
    assert_eq!(
        (told.event.as_str(), &told.changes),
        (
            "quarantined",
            &json!({"package_pax_from_def": "is not a count or null"})
        )
    );
    assert_eq!((again.packages, again.bad, again.ignored), (2, 1, 0));
    let hours = house.hours(profile).await;
    assert_eq!(hours[..2], adas(), "what is stored stays");
    assert_eq!(hours.len(), 3);
    let kept = house.bad(Status::Open).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let one = &kept[0];
    assert_eq!((one.key.as_str(), one.is_named, one.times), ("1", true, 2));
    assert_eq!(
        (one.field.as_str(), one.expected.as_str()),
        ("package_pax_from_def", "a count or null")
    );
    assert_eq!(one.raw["package_pax_from_def"], -1);
    assert_eq!(one.raw["crm_package_id"], "PK-1");
    assert_eq!(one.partition, format!("profile:{profile}"));
    assert_eq!(one.connection.as_deref(), Some(super::SHOP));
    assert_eq!((one.profile_id, one.run_id), (Some(profile), None));
    assert!(one.job_id.is_some_and(|last| last != job.id));
}

#[tokio::test]
async fn a_good_answer_clears_a_package_and_a_whole_one_what_it_does_not_name() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    house.package(&customer.hash, 3, "1");
    for id in ["1", "3"] {
        house.spoil(id);
    }
    let _worker = house.worker();
    house.synced(profile).await;
    let spoilt = house.bad(Status::Open).await;
    house.mend("1");
    let retry = house.retry(spoilt[0].id).await;

    let retried = house.end_of(retry).await;
    let left = house.bad(Status::Open).await;
    let (table, id) = ("package_rows".to_owned(), "3".to_owned());
    house.crm.change(Change::DeleteRow { table, id }).unwrap();
    house.synced(profile).await;

    assert_eq!(retried.state, State::Completed);
    assert_eq!(retried.args["profile_id"], json!(profile));
    let keys = |all: &[Quarantined]| -> Vec<String> {
        let mut keys: Vec<String> = all.iter().map(|one| one.key.clone()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&spoilt), ["1", "3"]);
    assert_eq!(keys(&left), ["3"]);
    assert!(house.bad(Status::Open).await.is_empty());
    assert_eq!(keys(&house.bad(Status::Resolved).await), ["1", "3"]);
}

#[tokio::test]
async fn a_retry_soon_after_a_login_is_a_sync_of_its_own() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house.spoil("1");
    let _worker = house.worker();
    let login = house.end_of(house.at_login(profile).await).await;
    house.mend("1");
    let id = house.bad(Status::Open).await[0].id;

    let retried = house.end_of(house.retry(id).await).await;

    assert_ne!(retried.id, login.id);
    assert!(house.bad(Status::Open).await.is_empty());
}

#[tokio::test]
async fn an_ignored_package_fails_no_profile_until_it_changes() {
    let house = House::new().await;
    house.ada().await;
    house.spoil("1");
    let _worker = house.worker();

    let first = house.bulk().await;
    let id = house.bad(Status::Open).await[0].id;
    house.ignore(id).await;
    let ignored = house.bulk().await;
    house.change("package_rows", "1", json!({"package_pax_from_def": -2}));
    let changed = house.bulk().await;

    let failed = |totals: &Totals| (totals.failed_profiles, totals.errors.len());
    assert_eq!(failed(&first), (1, 1));
    assert!(
        first.errors[0].ends_with("bad_record"),
        "{:?}",
        first.errors
    );
    assert_eq!(failed(&ignored), (0, 0));
    assert_eq!(failed(&changed), (1, 1));
    assert_eq!(house.bad(Status::Open).await[0].id, id, "one row");
}

#[tokio::test]
async fn r1_when_no_package_can_be_read_the_profile_fails_and_nothing_of_it_is_touched() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    for id in ["1", "2"] {
        house.spoil(id);
    }
    // The link would follow the customer's new id, and the answer's time be noted.
    let (table, id) = ("customers".to_owned(), customer.id);
    house.crm.change(Change::DeleteRow { table, id }).unwrap();
    house.customer("Ada Fairway", "0812345678", "ada@example.com");
    let before = house.written().await;
    let _worker = house.worker();

    let planned = preview(&house.env, profile).await.unwrap();
    let alone = house.end_of(house.sync_now(profile)).await;
    let totals = house.bulk().await;

    assert_eq!(
        (alone.state, alone.code.as_deref()),
        (State::Dead, Some("too_many_bad_records"))
    );
    assert_eq!(house.written().await, before);
    assert_eq!(
        (planned.status.as_str(), planned.bad, planned.link),
        ("too_many_bad_records", 2, None)
    );
    assert_eq!(
        totals.errors,
        [format!("Profile {profile}: too_many_bad_records")]
    );
    assert_eq!(house.bad(Status::Open).await.len(), 2, "they are kept");
    for one in house.bad(Status::Open).await {
        house.ignore(one.id).await;
    }
    let planned = preview(&house.env, profile).await.unwrap();
    let changes = house.synced(profile).await.changes;
    assert_eq!((planned.status.as_str(), planned.bad), ("synced", 0));
    assert!(planned.changes.is_empty(), "{:?}", planned.changes);
    assert_eq!((changes.bad, changes.ignored), (0, 2));
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test]
async fn rows_without_an_id_are_kept_by_what_they_say_and_take_nothing_away() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let _worker = house.worker();
    let answer = |rows: Value| {
        let fault = sim::wire::Fault::json(200, rows);
        house.crm.inject(fault.on_path("rpc").times(1));
    };
    let row = |id: Value| {
        json!({"id": id, "crm_package_id": "PK-1", "stable_hash_id": customer.hash, "expiration_date": null,
            "calculated_remaining_hours": "3"})
    };
    answer(json!([row(json!("1")), row(Value::Null)]));

    let changes = house.synced(profile).await.changes;

    assert_eq!((changes.packages, changes.bad, changes.missing), (1, 1, 0));
    let kept = house.bad(Status::Open).await;
    assert!(
        !kept[0].is_named && kept[0].key.starts_with("sha256:"),
        "{kept:?}"
    );
    assert_eq!(house.hours(profile).await.len(), 2);
    house.synced(profile).await;
    assert!(house.bad(Status::Open).await.is_empty());
}

#[tokio::test]
async fn what_is_in_quarantine_goes_with_its_profile() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house.spoil("1");
    let _worker = house.worker();
    house.synced(profile).await;
    let mut tx = house.env.pool.begin().await.unwrap();

    jobs::packages::delete(&mut tx, profile, ("nok", None))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert!(house.bad(Status::Open).await.is_empty());
}
