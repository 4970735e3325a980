//! Why a value of a package is what it is, and a profile the customer that it is.

use jobs::history::{self, Entry};
use jobs::packages::{self, LINKS, STREAM, preview, review};
use serde_json::{Value, json};
use sim::supabase::Change;
use uuid::Uuid;

use super::House;

impl House {
    async fn story(&self, stream: &str, key: &str) -> Vec<Entry> {
        let page = history::list(&self.env.pool, (stream, key), None, 50).await;
        let mut all = page.unwrap().data;
        all.reverse();
        all
    }

    /// The events of a package, oldest first, with their changes.
    async fn events(&self, key: &str) -> Vec<(String, Value)> {
        let all = self.story(STREAM, key).await;
        all.into_iter()
            .map(|one| (one.event, one.changes))
            .collect()
    }

    fn delete_package(&self, id: &str) {
        let (table, id) = ("package_rows".to_owned(), id.to_owned());
        self.crm.change(Change::DeleteRow { table, id }).unwrap();
    }

    async fn eleven_minutes_later(&self) {
        self.sql("update sync.package set missing_since = missing_since - interval '11 minutes' where missing_since is not null")
            .await;
    }
}

fn told(event: &str, changes: Value) -> (String, Value) {
    (event.to_owned(), changes)
}

#[tokio::test]
async fn each_change_of_a_package_is_told_field_by_field_with_its_job() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let _worker = house.worker();
    house.synced(profile).await;
    house.change(
        "package_rows",
        "1",
        json!({"calculated_remaining_hours": "9.5", "calculated_used_hours": "0.5"}),
    );
    let planned = preview(&house.env, profile).await.unwrap().changes;
    let job = house.end_of(house.sync_now(profile)).await;
    house.delete_package("1");
    house.synced(profile).await;
    house.synced(profile).await;
    house.eleven_minutes_later().await;
    house.synced(profile).await;
    house.package(&customer.hash, 1, "8");
    house.synced(profile).await;

    let story = house.story(STREAM, "1").await;

    let created = &story[0];
    assert_eq!(created.event, "created");
    assert_eq!(created.changes["remaining_hours"], json!([null, "10"]));
    assert_eq!(created.changes["expires_on"], json!([null, "2027-01-31"]));
    let used = json!({"remaining_hours": ["10", "9.5"], "used_hours": ["0", "0.5"]});
    assert_eq!(
        house.events("1").await[1..],
        [
            told("updated", used.clone()),
            told("missing", json!({})),
            told("gone", json!({})),
            told(
                "revived",
                json!({
                    "remaining_hours": ["9.5", "8"], "total_hours": ["10", "8"], "used_hours": ["0.5", "0"],
                })
            ),
        ]
    );
    assert_eq!(
        (story[1].job_id, story[1].run_id, story[1].actor.as_str()),
        (Some(job.id), None, "sync")
    );
    assert_eq!(story[1].partition, format!("profile:{profile}"));
    assert_eq!(planned[0].changes, used, "a dry run tells the same");
    assert_eq!(
        house.events("2").await.len(),
        1,
        "nothing changed, no story"
    );
}

#[tokio::test]
async fn r14_history_is_written_with_the_packages_or_not_at_all() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house.change(
        "package_rows",
        "1",
        json!({"calculated_remaining_hours": "9"}),
    );
    house
        .sql("alter table sync.history add constraint refused check (event <> 'updated') not valid")
        .await;
    let _worker = house.worker();

    let refused = house.end_of(house.sync_now(profile)).await;
    let hours = house.hours(profile).await;
    house
        .sql("alter table sync.history drop constraint refused")
        .await;
    house.synced(profile).await;

    assert_eq!(refused.code.as_deref(), Some("database"));
    assert_eq!(hours, super::adas());
    assert_eq!(
        house.events("1").await[1],
        told("updated", json!({"remaining_hours": ["10", "9"]}))
    );
}

#[tokio::test]
async fn r15_who_a_profile_is_is_told_with_whoever_said_so_and_why() {
    let house = House::new().await;
    let ada = house.customer("Ada Fairway", "0812345678", "");
    let bo = house.customer("Bo Fairway", "0812345678", "");
    house.package(&ada.hash, 1, "10");
    house.package(&bo.hash, 2, "5");
    let profile = house.profile("Ada Fairway", "0812345678", "").await;
    let _worker = house.worker();
    house.synced(profile).await;
    let reviews = review::list(&house.env.pool, (Some("open"), None), None, 9).await;
    let open = reviews.unwrap().data[0].id;
    let mut tx = house.env.pool.begin().await.unwrap();
    let by = ("nok", Some("asked at the desk"));
    review::accept(&mut tx, open, Some(&ada.id), by)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    house.synced(profile).await;
    let mut tx = house.env.pool.begin().await.unwrap();
    packages::delete(&mut tx, profile, ("som", Some("wants to be forgotten")))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let link = house.story(LINKS, &profile.to_string()).await;
    let package = house.story(STREAM, "1").await;

    assert_eq!(link[0].event, "created");
    assert_eq!(
        link[0].changes,
        json!({"customer_id": [null, ada.id], "method": [null, "manual"], "confidence": [null, 100]})
    );
    let said = |entry: &Entry| (entry.actor.clone(), entry.reason.clone());
    let by = |name: &str, why: &str| (name.to_owned(), Some(why.to_owned()));
    assert_eq!(said(&link[0]), by("nok", "asked at the desk"));
    assert_eq!(link[1].event, "gone");
    assert_eq!(said(&link[1]), by("som", "wants to be forgotten"));
    let events: Vec<&str> = package.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(events, ["created", "gone"]);
    assert_eq!(said(&package[1]), by("som", "wants to be forgotten"));
}

#[tokio::test]
async fn r15_a_crm_loaded_anew_is_told_as_another_customer_and_no_other_package() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let (table, id) = ("customers".to_owned(), customer.id.clone());
    house.crm.change(Change::DeleteRow { table, id }).unwrap();
    let anew = house.customer("Ada Fairway", "0812345678", "ada@example.com");
    let _worker = house.worker();

    house.synced(profile).await;

    let link = house.story(LINKS, &profile.to_string()).await;
    assert_eq!(
        link[1].changes["customer_id"],
        json!([customer.id, anew.id])
    );
    assert_eq!(
        (link[1].event.as_str(), link[1].reason.as_deref()),
        ("updated", None)
    );
    assert_eq!(house.events("1").await.len(), 1);
}

#[tokio::test]
async fn a_profile_that_is_none_leaves_no_story() {
    let house = House::new().await;
    let mut tx = house.env.pool.begin().await.unwrap();

    let deleted = packages::delete(&mut tx, Uuid::now_v7(), ("som", None)).await;

    assert!(matches!(deleted, Err(jobs::Error::UnknownProfile(_))));
}
