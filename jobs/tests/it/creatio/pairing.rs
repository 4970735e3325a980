//! What a person says of records in review: two are one, or one has no counterpart.

use jobs::Error;
use jobs::creatio::{Sort, Status, record};
use serde_json::json;
use uuid::Uuid;

use super::support::{CREATIO, House};

/// Two contacts of ours and one of Creatio's that have one address: who is who?
struct Question {
    house: House,
    ann: Uuid,
    bob: Uuid,
    /// At Creatio.
    annie: Uuid,
}

impl Question {
    async fn new() -> Question {
        let house = House::empty().await;
        let worker = house.worker();
        let of = |name: &str| json!({"full_name": name, "email": "info@inn.example", "job_title": "Owner"});
        let (ann, bob) = (
            house.insert("contact", of("Ann")).await,
            house.insert("contact", of("Bob")).await,
        );
        let annie = house.add(
            "Contact",
            json!({"Name": "Annie", "Email": "info@inn.example", "Phone": "+66 2 1"}),
        );
        house.synced().await;
        worker.stop().await;
        let annie = annie.parse().unwrap();
        Question {
            house,
            ann,
            bob,
            annie,
        }
    }

    async fn pair(&self, local_id: Uuid, remote_id: Uuid) -> Result<(), Error> {
        let mut tx = self.house.env.pool.begin().await.unwrap();
        record::pair(&mut tx, CREATIO, Sort::Contact, (local_id, remote_id)).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    async fn separate(&self, id: i64) -> Result<String, Error> {
        let mut tx = self.house.env.pool.begin().await.unwrap();
        let done = record::separate(&mut tx, id).await?;
        tx.commit().await.unwrap();
        Ok(done)
    }

    /// How records stand: those of ours by their ids, then Creatio's.
    async fn standing(&self, id: Uuid) -> (Status, i64, Option<Uuid>) {
        let one = self.house.record(Sort::Contact, id).await;
        (one.status, one.id, one.remote_id)
    }

    /// The record of Creatio's alone.
    async fn lonely(&self) -> record::Record {
        let filter = record::Filter {
            sort: Some(Sort::Contact),
            remote_id: Some(self.annie),
            ..record::Filter::default()
        };
        let found = record::list(&self.house.env.pool, &filter, 10)
            .await
            .unwrap()
            .data;
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn a_pair_is_compared_as_at_first_contact_and_nothing_is_made() {
    let of = Question::new().await;
    let before = of.house.vendor.count("Contact");
    assert_eq!(
        of.lonely().await.local_id,
        None,
        "it is in review by itself"
    );
    let _worker = of.house.worker();

    of.pair(of.ann, of.annie).await.unwrap();
    of.house.reconciled().await;

    assert_eq!(
        of.standing(of.ann).await.0,
        Status::Success,
        "{}",
        of.house.story().await
    );
    assert_eq!(
        of.lonely().await.local_id,
        Some(of.ann),
        "what stood for Creatio's alone is gone"
    );
    assert_eq!(
        of.house.there(Sort::Contact, of.ann).await["JobTitle"],
        "Owner"
    );
    assert_eq!(of.house.row("contact", of.ann).await["phone"], "+6621");
    assert_eq!(of.house.vendor.count("Contact"), before);
}

#[tokio::test]
async fn only_records_that_are_there_and_free_can_be_paired() {
    let of = Question::new().await;
    let gone = of
        .house
        .insert("contact", json!({"full_name": "Gone"}))
        .await;
    of.house.delete("contact", gone).await;
    let nobody = Uuid::from_u128(1);
    let links = "select count(*) from sync.link";
    let before = of.house.count(links).await;

    for (local_id, remote_id, lacking) in [
        (nobody, of.annie, ("contact", nobody)),
        (gone, of.annie, ("contact", gone)),
        (of.ann, nobody, ("record seen at Creatio", nobody)),
    ] {
        let told = of.pair(local_id, remote_id).await.unwrap_err();
        let Error::NoSuch { what, id } = &told else {
            panic!("{told}");
        };
        assert_eq!((*what, id), (lacking.0, &lacking.1.to_string()));
    }
    assert_eq!(of.house.count(links).await, before);
    of.pair(of.ann, of.annie).await.unwrap();
    for (local_id, word) in [(of.ann, "a pair already"), (of.bob, "another counterpart")] {
        let told = of.pair(local_id, of.annie).await.unwrap_err();
        assert!(
            matches!(&told, Error::Decided(why) if why.contains(word)),
            "{told}"
        );
    }
}

#[tokio::test]
async fn what_is_separate_is_made_on_the_other_side() {
    let of = Question::new().await;
    let _worker = of.house.worker();
    let (status, number, _) = of.standing(of.bob).await;
    assert_eq!(status, Status::ManualReview);
    let lonely = of.lonely().await;

    let connection = of.separate(number).await.unwrap();
    of.separate(lonely.id).await.unwrap();
    of.house.reconciled().await;

    assert_eq!(connection, CREATIO);
    let (status, _, remote_id) = of.standing(of.bob).await;
    assert_eq!(status, Status::Success, "{}", of.house.story().await);
    assert_ne!(remote_id, Some(of.annie));
    assert_eq!(of.house.there(Sort::Contact, of.bob).await["Name"], "Bob");
    let here = of.lonely().await.local_id.expect("made here");
    assert!(here != of.ann && here != of.bob, "{here}");
    assert_eq!(of.house.row("contact", here).await["full_name"], "Annie");
}

#[tokio::test]
async fn only_what_is_in_review_is_made_separate() {
    let of = Question::new().await;
    let _worker = of.house.worker();
    let (_, number, _) = of.standing(of.ann).await;

    let unknown = of.separate(i64::MAX).await;
    of.separate(number).await.unwrap();
    let twice = of.separate(number).await;

    assert!(
        matches!(unknown, Err(Error::NoSuch { what: "record", .. })),
        "{unknown:?}"
    );
    assert!(
        matches!(&twice, Err(Error::Decided(why)) if why.contains("in no review")),
        "{twice:?}"
    );
}

#[tokio::test]
async fn a_word_that_is_taken_back_was_never_said() {
    let of = Question::new().await;
    let before = (of.standing(of.ann).await, of.standing(of.bob).await);

    let mut tx = of.house.env.pool.begin().await.unwrap();
    record::pair(&mut tx, CREATIO, Sort::Contact, (of.ann, of.annie))
        .await
        .unwrap();
    record::separate(&mut tx, before.1.1).await.unwrap();
    tx.rollback().await.unwrap();

    assert_eq!(
        (of.standing(of.ann).await, of.standing(of.bob).await),
        before
    );
    assert_eq!(of.lonely().await.status, Status::ManualReview);
    assert_eq!(
        of.house.count("select count(*) from sync.dirty_mark").await,
        0
    );
}
