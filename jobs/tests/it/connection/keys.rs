//! Keys are changed while everybody works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connectors::reach::Reach;
use jobs::Error;
use jobs::connection::{Connections, Declared, credential};
use secrecy::SecretString;

use super::{House, NEW, OLD, ZOHO, ring};

/// Changes all of it, as the command does; how many values.
async fn rotate(house: &House, all: &Connections) -> Result<i64, Error> {
    let (mut done, mut behind) = (0, (String::new(), String::new()));
    loop {
        let mut tx = house.database.pool().begin().await.unwrap();
        let (some, next) = credential::rotate_some(all, &mut tx, &behind).await?;
        tx.commit().await.unwrap();
        done += some;
        match next {
            Some(next) => behind = next,
            None => return Ok(done),
        }
    }
}

#[tokio::test]
async fn values_change_keys_in_small_steps_and_every_one_opens_by_the_new_key_alone() {
    let house = House::new().await;
    house.authorised().await;
    let mut declared = vec![super::declared(&house.zoho.api_domain())];
    for n in 0..200 {
        let name = format!("zoho/{n}");
        declared.push(Declared {
            name,
            ..declared[0].clone()
        });
    }
    let many = Connections::new(
        house.database.client().clone(),
        declared.clone(),
        Reach::default(),
        Some(ring(&[OLD])),
    );
    let mut tx = house.database.pool().begin().await.unwrap();
    let secret = SecretString::from("1000.canary");
    for one in &declared[1..] {
        let at = (one.name.as_str(), "refresh_token");
        credential::set(&many, &mut tx, at, &secret, "nok")
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let both = house.connections(&[NEW, OLD]);
    let before = credential::rotation(&both).await.unwrap();

    let done = rotate(&house, &both).await.unwrap();

    let after = credential::rotation(&both).await.unwrap();
    assert_eq!((before.done, before.left), (0, 203));
    assert_eq!((done, after.done, after.left), (203, 203, 0));
    let told = credential::status(&house.connections(&[NEW]), Some(ZOHO))
        .await
        .unwrap();
    assert!(told.iter().all(|one| one.shown.is_some()), "{told:?}");
    assert_eq!(rotate(&house, &both).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_works_meanwhile_fails_and_no_write_is_lost() {
    let house = Arc::new(House::new().await);
    house.authorised().await;
    let both = house.connections(&[NEW, OLD]);
    let over = Arc::new(AtomicBool::new(false));
    let (worker, until) = (house.clone(), over.clone());
    let works = tokio::spawn(async move {
        let all = worker.connections(&[NEW, OLD]);
        let good = worker.zoho.config().refresh_token.clone();
        let mut times = 0;
        while !until.load(Ordering::Relaxed) || times < 10 {
            worker.set(&all, "refresh_token", &good).await.unwrap();
            all.zoho(ZOHO)
                .await
                .unwrap()
                .items_page(None, None)
                .await
                .unwrap();
            times += 1;
        }
        times
    });

    for _ in 0..10 {
        rotate(&house, &both).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let times = works.await.unwrap();

    rotate(&house, &both).await.unwrap();
    let rotation = credential::rotation(&both).await.unwrap();
    assert_eq!(rotation.left, 0);
    let told = credential::status(&house.connections(&[NEW]), Some(ZOHO))
        .await
        .unwrap();
    assert_eq!(told[2].version, Some(1 + times));
    assert_eq!(house.mints(), 1);
}

#[tokio::test]
async fn a_change_without_the_old_key_names_it_and_changes_nothing() {
    let house = House::new().await;
    house.authorised().await;
    let before = house.secrets().await;

    let refused = rotate(&house, &house.connections(&[NEW])).await;

    let error = refused.unwrap_err();
    assert!(
        matches!(&error, Error::KeyMissing { key, .. } if key == "old"),
        "{error}"
    );
    assert_eq!(house.secrets().await, before);
}
