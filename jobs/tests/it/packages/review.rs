//! Who a profile is, when a person must say.

use jobs::Error;
use jobs::packages::review;

use super::{House, adas};

impl House {
    async fn reviews(&self) -> Vec<jobs::packages::Review> {
        let page = review::list(&self.env.pool, (Some("open"), None), None, 50)
            .await
            .unwrap();
        page.data
    }
}

#[tokio::test]
async fn r15_a_number_that_a_family_shares_is_reviewed_and_a_persons_word_stands() {
    let house = House::new().await;
    let ada = house.customer("Ada Fairway", "0812345678", "");
    let bo = house.customer("Bo Fairway", "0812345678", "");
    house.package(&ada.hash, 1, "10");
    house.package(&bo.hash, 2, "12.345");
    let profile = house.profile("Ada Fairway", "081 234 5678", "").await;
    let _worker = house.worker();

    let first = house.synced(profile).await;
    let again = house.synced(profile).await;

    assert_eq!(
        (first.status.as_str(), again.status.as_str()),
        ("in_review", "in_review")
    );
    assert!(house.hours(profile).await.is_empty());
    let open = house.reviews().await;
    assert_eq!(open.len(), 1, "asked once");
    assert_eq!(
        (open[0].reason.as_str(), open[0].profile_id),
        ("several", profile)
    );
    assert_eq!(
        open[0].candidates[0]["customer_id"],
        ada.id.as_str(),
        "the likeliest first"
    );
    let mut tx = house.env.pool.begin().await.unwrap();
    let unnamed = review::accept(&mut tx, open[0].id, None, ("nok", None)).await;
    let stranger = review::accept(&mut tx, open[0].id, Some("77"), ("nok", None)).await;
    review::accept(&mut tx, open[0].id, Some(&bo.id), ("nok", None))
        .await
        .unwrap();
    let twice = review::accept(&mut tx, open[0].id, Some(&ada.id), ("nok", None)).await;
    tx.commit().await.unwrap();
    assert!(matches!(unnamed, Err(Error::Invalid(_))));
    assert!(matches!(stranger, Err(Error::Invalid(_))));
    assert!(matches!(twice, Err(Error::ReviewDecided(_))));
    assert_eq!(house.synced(profile).await.status, "synced");
    assert_eq!(house.hours(profile).await, adas()[1..]);
    assert_eq!(house.customer_of(profile).await, Some(bo.id));
    assert!(house.reviews().await.is_empty());
}

#[tokio::test]
async fn a_customer_that_was_rejected_is_never_suggested_again() {
    let house = House::new().await;
    house.customer("Bo Fairway", "0812345678", "");
    let profile = house.profile("Ada Bunker", "0812345678", "").await;
    let _worker = house.worker();
    assert_eq!(house.synced(profile).await.status, "in_review");
    let open = house.reviews().await;

    let mut tx = house.env.pool.begin().await.unwrap();
    review::reject(&mut tx, open[0].id, ("nok", None))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(open[0].reason, "weak");
    assert_eq!(house.synced(profile).await.status, "unmatched");
    assert!(house.reviews().await.is_empty());
}

#[tokio::test]
async fn r15_a_hash_that_two_customers_share_gives_nobody_anothers_packages() {
    let house = House::new().await;
    let one = house.customer("Ada Fairway", "", "ada@example.com");
    house.customer("Ada Fairway", "", "other@example.com");
    house.package(&one.hash, 1, "10");
    let profile = house.profile("Ada Fairway", "", "ada@example.com").await;
    let _worker = house.worker();

    let summary = house.synced(profile).await;

    assert_eq!(summary.status, "in_review");
    assert_eq!(house.reviews().await[0].reason, "shared");
    assert!(house.hours(profile).await.is_empty());
}

#[tokio::test]
async fn a_customer_that_another_profile_is_already_is_reviewed() {
    let house = House::new().await;
    house.ada().await;
    let second = house.profile("Ada Fairway", "0812345678", "").await;
    let _worker = house.worker();

    assert_eq!(house.synced(second).await.status, "in_review");
    assert_eq!(house.reviews().await[0].reason, "taken");
}

#[tokio::test]
async fn r15_who_disappears_from_the_crm_keeps_the_packages_and_is_reviewed() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let (table, id) = ("customers".to_owned(), customer.id);
    house
        .crm
        .change(sim::supabase::Change::DeleteRow { table, id })
        .unwrap();
    let _worker = house.worker();

    let summary = house.synced(profile).await;

    assert_eq!(summary.status, "in_review");
    assert_eq!(house.reviews().await[0].reason, "moved");
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test]
async fn another_customers_packages_are_gone_at_once_when_a_person_says_who_it_is() {
    let house = House::new().await;
    let (profile, ada) = house.ada().await;
    let bo = house.customer("Bo Fairway", "0812345678", "");
    house.package(&bo.hash, 3, "7");
    let _worker = house.worker();
    house
        .crm
        .change(sim::supabase::Change::DeleteRow {
            table: "customers".to_owned(),
            id: ada.id,
        })
        .unwrap();
    assert_eq!(house.synced(profile).await.status, "in_review");
    let open = house.reviews().await;

    let mut tx = house.env.pool.begin().await.unwrap();
    let said = ("nok", Some("she married"));
    review::accept(&mut tx, open[0].id, Some(&bo.id), said)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let changes = house.synced(profile).await.changes;

    assert_eq!((changes.created, changes.gone, changes.missing), (1, 2, 0));
    assert_eq!(house.hours(profile).await, [("3".into(), Some("7".into()))]);
    let decided = review::show(&house.env.pool, open[0].id).await.unwrap();
    assert_eq!(
        (decided.status.as_str(), decided.note.as_deref()),
        ("accepted", Some("she married"))
    );
}

#[tokio::test]
async fn a_name_alone_is_looked_for_and_never_enough() {
    let house = House::new().await;
    let ada = house.customer("Ada Fairway", "0812345678", "");
    house.package(&ada.hash, 1, "10");
    let profile = house.profile("ada fairway", "", "").await;
    let _worker = house.worker();

    let summary = house.synced(profile).await;

    assert_eq!(summary.status, "in_review");
    let open = house.reviews().await;
    assert_eq!(open[0].reason, "weak");
    assert_eq!(open[0].candidates[0]["customer_id"], ada.id.as_str());
}

#[tokio::test]
async fn the_same_customer_of_two_shops_is_two_people() {
    let house = House::new().await;
    house.ada().await;
    house
        .sql("update sync.profile set connection = 'supabase/elsewhere'")
        .await;
    let second = house.profile("Ada Fairway", "0812345678", "").await;
    let _worker = house.worker();

    assert_eq!(house.synced(second).await.status, "synced");
}
