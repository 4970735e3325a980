//! Dry runs: what a sync would do, with nothing written.

use jobs::packages::preview;
use serde_json::json;

use super::{House, adas};

impl House {
    /// Every row of what is synced, and every job, in one checksum a table.
    async fn checksums(&self) -> Vec<String> {
        let mut sums = Vec::new();
        for table in [
            "sync.profile",
            "sync.customer_link",
            "sync.match_review",
            "sync.match_refusal",
            "sync.package",
            "sync.package_outcome",
            "engine.job",
            "engine.pending",
        ] {
            let sql = format!(
                "select coalesce(md5(string_agg(t::text || t.xmin::text, ',' order by t::text)), '') from {table} t"
            );
            let sum = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&self.env.pool)
                .await
                .unwrap();
            sums.push(sum);
        }
        sums
    }
}

#[tokio::test]
async fn a_dry_run_tells_each_difference_and_writes_nothing() {
    let house = House::new().await;
    let (ada, customer) = house.ada().await;
    house.change(
        "package_rows",
        "1",
        json!({"calculated_remaining_hours": "9.5"}),
    );
    let (table, id) = ("package_rows".to_owned(), "2".to_owned());
    house
        .crm
        .change(sim::supabase::Change::DeleteRow { table, id })
        .unwrap();
    house.package(&customer.hash, 3, "1");
    let bo = house.customer("Bo Bunker", "0822222222", "");
    house.package(&bo.hash, 4, "2");
    let new = house.profile("Bo Bunker", "0822222222", "").await;
    let nobody = house.profile("Who Isthis", "0700000000", "").await;
    let doubtful = house.profile("Zed", "0822222222", "").await;
    let before = house.checksums().await;

    let mut told = Vec::new();
    for profile in [ada, new, nobody, doubtful] {
        told.push(preview(&house.env, profile).await.unwrap());
    }

    assert_eq!(house.checksums().await, before);
    assert_eq!(house.hours(ada).await, adas());
    let of = |nth: usize| -> Vec<(String, String)> {
        let changes = told[nth].changes.iter();
        changes
            .map(|one| (one.event.clone(), one.key.clone()))
            .collect()
    };
    let pair = |event: &str, key: &str| (event.to_owned(), key.to_owned());
    assert_eq!(
        of(0),
        [
            pair("updated", "1"),
            pair("created", "3"),
            pair("missing", "2")
        ]
    );
    assert_eq!(
        told[0].changes[0].changes,
        json!({"remaining_hours": ["10", "9.5"]})
    );
    assert_eq!(told[0].link, None);
    assert_eq!(of(1), [pair("created", "4")]);
    assert_eq!(told[1].link, Some((bo.id, 98)));
    assert_eq!(told[2].status, "unmatched");
    assert_eq!(
        (told[3].status.as_str(), told[3].reason.as_deref()),
        ("in_review", Some("weak"))
    );
}
