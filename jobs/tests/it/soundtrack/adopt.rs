//! `soundtrack.sync_zones`: identity is the remote id, and a name adopts only what has none.

use sim::soundtrack::Change;

use crate::support::House;

impl House {
    /// A row that a person made.
    async fn row_by_hand(&self, company: i64, name: &str) -> i64 {
        sqlx::query_scalar("insert into sync.zone (company_id, name) values ($1, $2) returning id")
            .bind(company)
            .bind(name)
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn r4_a_renamed_zone_keeps_its_row() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(2).await;
    house.synced(company).await;
    let before = house.zones(company).await;

    for (row, name) in before.iter().zip(["Zone 001", "Zone 000"]) {
        let zone = row.soundtrack_zone_id.clone().unwrap();
        house
            .remote
            .change(Change::RenameZone {
                zone,
                name: name.into(),
            })
            .unwrap();
    }
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.updated, summary.created, summary.orphaned),
        (2, 0, 0)
    );
    let after = house.zones(company).await;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            (old.id, &old.soundtrack_zone_id),
            (new.id, &new.soundtrack_zone_id)
        );
    }
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r4_two_zones_of_one_name_are_two_rows() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(0).await;
    house.add_zone(&account, "Bar");
    house.add_zone(&account, "Bar");

    let first = house.synced(company).await;
    let second = house.synced(company).await;

    assert_eq!((first.created, second.unchanged, second.updated), (2, 2, 0));
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r4_a_name_adopts_only_a_row_without_an_id_and_only_one_candidate() {
    let house = House::with_pages_of(2).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(0).await;
    // Pages of two: the two Pools stand on two pages.
    for name in ["Attic", "Bar", "Lobby", "Pool", "Pool"] {
        house.add_zone(&account, name);
    }
    let bar = house.row_by_hand(company, "Bar").await;
    let pool = house.row_by_hand(company, "Pool").await;
    let (lobby, lobby_again) = (
        house.row_by_hand(company, "Lobby").await,
        house.row_by_hand(company, "Lobby").await,
    );

    let summary = house.synced(company).await;
    let again = house.synced(company).await;

    assert_eq!(
        (summary.created, summary.adopted, summary.synced),
        (4, 1, 5)
    );
    assert_eq!((again.unchanged, again.adopted), (5, 0));
    let rows = house.zones(company).await;
    assert_eq!(rows.len(), 8);
    for row in rows {
        let has_id = row.soundtrack_zone_id.is_some();
        let by_hand = [bar, pool, lobby, lobby_again].contains(&row.id);
        assert_eq!(has_id, !by_hand || row.id == bar, "{} {}", row.id, row.name);
    }
}

#[tokio::test]
async fn r4_a_row_with_an_id_is_never_given_another() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(0).await;
    let old = house.add_zone(&account, "Bar");
    house.synced(company).await;
    let row = house.zones(company).await.remove(0);

    house.delete_zone(&old);
    let new = house.add_zone(&account, "Bar");
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.created, summary.orphaned, summary.adopted),
        (1, 1, 0)
    );
    let rows = house.zones(company).await;
    assert_eq!(
        (rows[0].id, rows[0].soundtrack_zone_id.as_deref()),
        (row.id, Some(old.as_str()))
    );
    assert_eq!(rows[1].soundtrack_zone_id.as_deref(), Some(new.as_str()));
}
