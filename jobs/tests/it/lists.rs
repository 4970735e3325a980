//! Pages of lists read about as many rows as they show, however full the tables are and whatever was asked before.

use jobs::creatio::{Status, conflict, journal, record};
use jobs::seed::{Seed, seed_for_bench};
use jobs::{held, packages, product, quarantine, run};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::support::House;

const PAGE: u16 = 50;

/// Two pages and what finding them takes.
const MOST: i64 = 150;

/// Rows and entries of indexes that this connection has read so far.
async fn read_so_far(pool: &PgPool) -> i64 {
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(pool)
        .await
        .unwrap();
    let read = "select ((select sum(seq_tup_read) from pg_stat_user_tables where schemaname = 'sync') \
         + (select sum(idx_tup_read) from pg_stat_user_indexes where schemaname = 'sync'))::bigint";
    sqlx::query_scalar(read).fetch_one(pool).await.unwrap()
}

/// Asserts that a list reads little, also behind many calls of the list with other filters: Postgres may settle
/// on one plan for all of them.
async fn reads_little(
    pool: &PgPool,
    name: &str,
    usual: impl AsyncFn() -> usize,
    seldom: impl AsyncFn() -> usize,
) {
    for _ in 0..8 {
        assert_eq!(usual().await, usize::from(PAGE), "{name}");
    }
    for _ in 0..3 {
        let before = read_so_far(pool).await;
        let rows = seldom().await;
        let read = read_so_far(pool).await - before;
        assert!(read <= MOST, "{name}: {read} read for {rows} rows");
    }
}

/// One connection to tables that are full.
async fn full() -> (House, PgPool) {
    let house = House::new().await;
    let seed = Seed {
        companies: 10,
        runs: 20_000,
    };
    seed_for_bench(&house.env.pool, seed).await.unwrap();
    let options = (*house.env.pool.connect_options()).clone();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options);
    (house, pool.await.unwrap())
}

/// A record of Creatio, as the seed makes them.
fn record_7() -> Option<Uuid> {
    Some(Uuid::from_u128(7))
}

#[tokio::test]
async fn a_page_of_runs_and_sweeps_reads_no_whole_table() {
    let (_house, pool) = full().await;
    let pool = &pool;
    let runs = async |filter: &run::Filter| run::list(pool, filter, PAGE).await.unwrap().data.len();
    let held = run::Filter {
        stream: Some("zoho.products".into()),
        status: Some(run::Status::Held),
        ..run::Filter::default()
    };
    let all = run::Filter::default();
    reads_little(
        pool,
        "runs",
        async || runs(&all).await,
        async || runs(&held).await,
    )
    .await;

    let sweeps = async |all| held::list(pool, all, None, PAGE).await.unwrap().data.len();
    reads_little(
        pool,
        "held sweeps",
        async || sweeps(true).await,
        async || sweeps(false).await,
    )
    .await;
}

#[tokio::test]
async fn a_page_of_bad_records_reads_no_whole_table() {
    let (_house, pool) = full().await;
    let pool = &pool;
    let bad = async |filter: &quarantine::Filter| {
        let page = quarantine::list(pool, filter, PAGE).await.unwrap();
        page.data.len()
    };
    let all = quarantine::Filter::default();
    for seldom in [
        quarantine::Filter {
            stream: Some("soundtrack.zones".into()),
            ..all.clone()
        },
        quarantine::Filter {
            status: Some(quarantine::Status::Ignored),
            ..all.clone()
        },
    ] {
        reads_little(
            pool,
            "quarantine",
            async || bad(&all).await,
            async || bad(&seldom).await,
        )
        .await;
    }
}

#[tokio::test]
async fn a_page_of_products_and_profiles_reads_no_whole_table() {
    let (_house, pool) = full().await;
    let pool = &pool;
    let products = async |filter: &product::Filter| {
        product::list(pool, filter, PAGE).await.unwrap().data.len()
    };
    let all = product::Filter::default();
    for seldom in [
        product::Filter {
            sku: Some("SKU-5".into()),
            ..all.clone()
        },
        product::Filter {
            connection: Some("zoho/other".into()),
            ..all.clone()
        },
    ] {
        reads_little(
            pool,
            "products",
            async || products(&all).await,
            async || products(&seldom).await,
        )
        .await;
    }

    let profiles = async |filter: &packages::Filter| {
        packages::list(pool, filter, PAGE).await.unwrap().data.len()
    };
    let all = packages::Filter::default();
    let other = packages::Filter {
        connection: Some("supabase/other".into()),
        ..all.clone()
    };
    reads_little(
        pool,
        "profiles",
        async || profiles(&all).await,
        async || profiles(&other).await,
    )
    .await;
}

#[tokio::test]
async fn a_page_of_records_reads_no_whole_table() {
    let (_house, pool) = full().await;
    let pool = &pool;
    let records =
        async |filter: &record::Filter| record::list(pool, filter, PAGE).await.unwrap().data.len();
    let all = record::Filter::default();
    for seldom in [
        record::Filter {
            connection: Some("creatio/other".into()),
            ..all.clone()
        },
        record::Filter {
            status: Some(Status::ManualReview),
            ..all.clone()
        },
        record::Filter {
            local_id: record_7(),
            ..all.clone()
        },
        record::Filter {
            remote_id: record_7(),
            ..all.clone()
        },
    ] {
        reads_little(
            pool,
            "records",
            async || records(&all).await,
            async || records(&seldom).await,
        )
        .await;
    }
}

#[tokio::test]
async fn a_page_of_conflicts_and_the_journal_reads_no_whole_table() {
    let (_house, pool) = full().await;
    let pool = &pool;
    let conflicts = async |filter: &conflict::Filter| {
        conflict::list(pool, filter, PAGE).await.unwrap().data.len()
    };
    let all = conflict::Filter::default();
    for seldom in [
        conflict::Filter {
            status: Some(conflict::Status::Proposed),
            ..all.clone()
        },
        conflict::Filter {
            local_id: record_7(),
            ..all.clone()
        },
    ] {
        reads_little(
            pool,
            "conflicts",
            async || conflicts(&all).await,
            async || conflicts(&seldom).await,
        )
        .await;
    }

    let entries = async |filter: &journal::Filter| {
        journal::list(pool, filter, PAGE).await.unwrap().data.len()
    };
    let all = journal::Filter::default();
    for seldom in [
        journal::Filter {
            connection: Some("creatio/other".into()),
            ..all.clone()
        },
        journal::Filter {
            local_id: record_7(),
            ..all.clone()
        },
    ] {
        reads_little(
            pool,
            "journal",
            async || entries(&all).await,
            async || entries(&seldom).await,
        )
        .await;
    }
}
