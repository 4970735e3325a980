use jobs::company::{self, Filter, NewCompany, Patch};
use jobs::{Error, zone};

use crate::support::House;

fn named(name: &str, account: Option<&str>) -> NewCompany {
    NewCompany {
        name: name.into(),
        soundtrack_account_id: account.map(str::to_owned),
        alerts: true,
        ..NewCompany::default()
    }
}

#[tokio::test]
async fn a_company_is_made_changed_listed_and_deleted() {
    let house = House::new().await;
    let pool = &house.env.pool;
    let mut conn = pool.acquire().await.unwrap();

    let parent = company::create(&mut conn, &named("Group", None))
        .await
        .unwrap();
    let part = NewCompany {
        parent_id: Some(parent.id),
        ..named("Inn", Some("a"))
    };
    let part = company::create(&mut conn, &part).await.unwrap();
    let patch = Patch {
        country: Some("TH".into()),
        soundtrack_account_id: Some(None),
        ..Patch::default()
    };
    let changed = company::update(&mut conn, part.id, &patch).await.unwrap();

    assert_eq!(
        (changed.name.as_str(), changed.country.as_str()),
        ("Inn", "TH")
    );
    assert_eq!(
        (changed.parent_id, changed.soundtrack_account_id),
        (Some(parent.id), None)
    );
    let after = Filter {
        after: Some(parent.id),
        ..Filter::default()
    };
    let listed = company::list(pool, &after, 10).await.unwrap().data;
    assert_eq!(
        listed.iter().map(|one| one.id).collect::<Vec<_>>(),
        [part.id]
    );
    let with_account = Filter {
        has_account: Some(true),
        ..Filter::default()
    };
    assert!(
        company::list(pool, &with_account, 10)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    let gone = company::delete(&mut conn, parent.id).await.unwrap();
    assert_eq!(gone.name, "Group");
    assert_eq!(
        company::get(pool, part.id)
            .await
            .unwrap()
            .unwrap()
            .parent_id,
        None
    );
    assert!(matches!(
        company::delete(&mut conn, parent.id).await,
        Err(Error::UnknownCompany(_))
    ));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let house = House::new().await;
    let mut conn = house.env.pool.acquire().await.unwrap();
    let one = company::create(&mut conn, &named("One", Some("a")))
        .await
        .unwrap();

    let taken = company::create(&mut conn, &named("Two", Some("a")))
        .await
        .unwrap_err();
    let nobody = NewCompany {
        parent_id: Some(999),
        ..named("Three", None)
    };
    let orphan = company::create(&mut conn, &nobody).await.unwrap_err();
    let circle = Patch {
        parent_id: Some(Some(one.id)),
        ..Patch::default()
    };
    let circle = company::update(&mut conn, one.id, &circle)
        .await
        .unwrap_err();
    let unknown = company::update(&mut conn, 999, &Patch::default())
        .await
        .unwrap_err();

    assert!(matches!(taken, Error::AccountTaken), "{taken:?}");
    assert!(
        matches!(&orphan, Error::Invalid(text) if text.contains("parent_id")),
        "{orphan:?}"
    );
    assert!(
        matches!(&circle, Error::Invalid(text) if text.contains("parent_id")),
        "{circle:?}"
    );
    assert!(matches!(unknown, Error::UnknownCompany(999)), "{unknown:?}");
}

#[tokio::test]
async fn a_company_that_cannot_be_synced_is_known_before_anything_is_enqueued() {
    let house = House::new().await;
    let company = house.company(None).await;

    let no_account = company::syncable(&house.env.pool, company)
        .await
        .unwrap_err();
    let unknown = company::syncable(&house.env.pool, 999).await.unwrap_err();

    assert_eq!(no_account.code(), "no_account");
    assert_eq!(
        no_account.to_string(),
        "Company \"Hilton Pattaya\" has no Soundtrack account ID configured"
    );
    assert_eq!(unknown.code(), "unknown_company");
}

#[tokio::test]
async fn zones_are_listed_by_company_status_and_page() {
    let house = House::new().await;
    let _worker = house.worker();
    let (one, account) = house.company_with(5).await;
    let (two, _) = house.company_with(3).await;
    house.synced(one).await;
    house.synced(two).await;

    let filter = zone::Filter {
        company_id: Some(one),
        ..zone::Filter::default()
    };
    let first = zone::list(&house.env.pool, &filter, 2).await.unwrap();
    let after = zone::Filter {
        after: first.next.map(|next| *next.key()),
        ..filter
    };
    let rest = zone::list(&house.env.pool, &after, 3).await.unwrap();
    let first = first.data;
    let offline = zone::Filter {
        status: Some(zone::Status::Expired),
        ..zone::Filter::default()
    };
    let expired = zone::list(&house.env.pool, &offline, 10).await.unwrap();
    let got = zone::get(&house.env.pool, first[0].id).await.unwrap();

    assert_eq!((first.len(), rest.data.len()), (2, 3));
    assert_eq!(rest.next, None, "full, and the last");
    assert!(expired.data.is_empty());
    assert_eq!(got.as_ref(), first.first());
    assert_eq!(zone::get(&house.env.pool, 999_999).await.unwrap(), None);
    assert_eq!(house.zones(two).await.len(), 3);
    house.assert_true(one, &account).await;
}
