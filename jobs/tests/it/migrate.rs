use engine::testing::Database;

#[tokio::test]
async fn migrating_twice_is_migrating_once_and_leaves_the_engines_ledger_alone() {
    let database = Database::new().await;
    let engine_before = database.client().pending_migrations().await.unwrap();
    assert_eq!(
        jobs::pending_migrations(database.pool()).await.unwrap(),
        [1, 2, 3, 4, 5, 6]
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
