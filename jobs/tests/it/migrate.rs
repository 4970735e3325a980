use engine::testing::Database;

#[tokio::test]
async fn migrating_twice_is_migrating_once_and_leaves_the_engines_ledger_alone() {
    let database = Database::new().await;
    let engine_before = database.client().pending_migrations().await.unwrap();
    assert_eq!(
        jobs::pending_migrations(database.pool()).await.unwrap(),
        [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
        ]
    );

    jobs::migrate(database.pool()).await.unwrap();
    jobs::migrate(database.pool()).await.unwrap();

    assert!(
        jobs::pending_migrations(database.pool())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        database.client().pending_migrations().await.unwrap(),
        engine_before
    );
}

/// The first migrations, which are frozen.
const FIRST: [&str; 6] = [
    include_str!("../../../migrations/sync/0001_create_company_and_zone.sql"),
    include_str!("../../../migrations/sync/0002_create_run_tables.sql"),
    include_str!("../../../migrations/sync/0003_drop_fan_out.sql"),
    include_str!("../../../migrations/sync/0004_create_connections.sql"),
    include_str!("../../../migrations/sync/0005_create_credentials.sql"),
    include_str!("../../../migrations/sync/0006_widen_runs_and_keep_products.sql"),
];

async fn run(database: &Database, sql: &'static str) {
    sqlx::raw_sql(sql).execute(database.pool()).await.unwrap();
}

/// As a version of before left it.
async fn migrated_to(database: &Database, last: usize) {
    run(database, "create schema sync").await;
    for sql in &FIRST[..last] {
        run(database, sql).await;
    }
}

#[tokio::test]
async fn runs_and_quarantine_of_companies_get_their_partition() {
    let database = Database::new().await;
    migrated_to(&database, 5).await;
    run(
        &database,
        "insert into sync.company (name) values ('Inn'); \
         insert into sync.run (stream, company_id, job_id, scope) \
         values ('soundtrack.zones', 1, gen_random_uuid(), 'account'); \
         insert into sync.stream (name, company_id, scope, walked_at, run_id) \
         values ('soundtrack.zones', 1, 'account', now(), 1); \
         insert into sync.quarantine (stream, company_id, key, is_named, field, expected, raw, run_id) \
         values ('soundtrack.zones', 1, 'k', true, 'name', 'a text', '{}', 1);",
    )
    .await;

    run(&database, FIRST[5]).await;

    let partitions: Vec<String> = sqlx::query_scalar(
        "select partition from sync.run union all select partition from sync.stream \
         union all select partition from sync.quarantine",
    )
    .fetch_all(database.pool())
    .await
    .unwrap();
    assert_eq!(partitions, ["company:1"; 3]);
}

#[tokio::test]
async fn runs_of_before_can_be_shown_when_fetched_is_counted() {
    let database = Database::new().await;
    migrated_to(&database, 6).await;
    run(
        &database,
        "insert into sync.run (stream, connection, job_id, scope, created, unchanged, quarantined) \
         values ('zoho.products', 'zoho/1', gen_random_uuid(), 'zoho/1', 3, 40, 2)",
    )
    .await;

    run(
        &database,
        include_str!("../../../migrations/sync/0012_count_fetched_and_stale.sql"),
    )
    .await;

    let found = jobs::run::list(database.pool(), &jobs::run::Filter::default(), 10).await;
    let counters = found.unwrap().data[0].counters;
    assert_eq!((counters.fetched, counters.created), (45, 3));
}

#[tokio::test]
async fn what_a_session_has_prepared_outlives_a_migration_that_adds_columns() {
    let database = Database::new().await;
    jobs::migrate(database.pool()).await.unwrap();
    let options = database.pool().connect_options().as_ref().clone();
    // One connection, so that the second call meets the statements of the first.
    let one = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let session = one.connect_with(options).await.unwrap();
    ask_everything(&session).await;

    sqlx::raw_sql(
        "do $$ declare t record; begin \
             for t in select tablename from pg_tables where schemaname = 'sync' loop \
                 execute format('alter table sync.%I add column of_later integer', t.tablename); \
             end loop; \
         end $$",
    )
    .execute(database.pool())
    .await
    .unwrap();

    ask_everything(&session).await;
}

async fn ask_everything(pool: &sqlx::PgPool) {
    use jobs::creatio::{conflict, journal, record};
    use jobs::{company, held, packages, product, quarantine, run};

    run::list(pool, &run::Filter::default(), 9).await.unwrap();
    quarantine::list(pool, &quarantine::Filter::default(), 9)
        .await
        .unwrap();
    product::list(pool, &product::Filter::default(), 9)
        .await
        .unwrap();
    company::list(pool, &company::Filter::default(), 9)
        .await
        .unwrap();
    held::list(pool, true, None, 9).await.unwrap();
    conflict::list(pool, &conflict::Filter::default(), 9)
        .await
        .unwrap();
    journal::list(pool, &journal::Filter::default(), 9)
        .await
        .unwrap();
    record::list(pool, &record::Filter::default(), 9)
        .await
        .unwrap();
    packages::review::list(pool, (None, None), None, 9)
        .await
        .unwrap();
}
