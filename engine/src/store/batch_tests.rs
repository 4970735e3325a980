//! The cascade of a cancel, chunk by chunk.

use serde_json::json;
use uuid::Uuid;

use crate::testing::Database;
use crate::{Actor, NewJob};

#[tokio::test]
async fn a_member_that_comes_back_to_life_behind_the_cascade_is_told_too() {
    let db = Database::new().await;
    let client = db.client();
    let act = || NewJob::new("test.act", &json!({}));
    let parts: Vec<NewJob> = (0..1_001).map(|_| act()).collect();
    let first = parts.iter().map(|part| part.id).min();
    client.enqueue_batch(parts, act()).await.expect("a batch");
    // As the cancel of a parent marks those of its parts.
    sqlx::query("update engine.batch set abandoned = true")
        .execute(db.pool())
        .await
        .expect("it is marked");
    let person = Actor::new("ops", "test");

    let mut place = (Uuid::nil(), Uuid::nil());
    let mut told = Vec::new();
    while let Some(some) = client.cancel_some(&mut place).await.expect("a chunk") {
        if told.is_empty() {
            let first = first.expect("a part");
            client.retry(first, &person).await.expect("it is cancelled");
        }
        told.push(some);
    }

    // Behind each chunk the next; then the one that came back; then nobody, twice.
    assert_eq!(told, [500, 500, 1, 0, 1, 0, 0]);
    let live: i64 =
        sqlx::query_scalar("select count(*) from engine.pending where batch_id is not null")
            .fetch_one(db.pool())
            .await
            .expect("a count");
    assert_eq!(live, 0);
}
