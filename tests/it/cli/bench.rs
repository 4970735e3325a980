//! Measurements at the command line: each is taken, and leaves nothing behind.

use super::{database, json, lockstep};

#[tokio::test]
async fn the_api_is_measured_and_what_that_enqueued_is_gone() {
    let database = database().await;
    let few = ["--clients", "10", "--every-ms", "100", "--seconds", "1"];
    let args = [["bench", "api"].as_slice(), &few, &["-o", "json"]].concat();

    let (code, served) = json(lockstep(&database, &args)).await;

    assert_eq!(code, 0, "{served}");
    let count = |field: &str| -> Vec<u64> {
        let rows = served.as_array().expect("rows");
        rows.iter().filter_map(|row| row[field].as_u64()).collect()
    };
    // Ten clients, ten turns each: three lists to a job and to a new one.
    assert_eq!(count("answers"), [60, 20, 20], "{served}");
    assert_eq!(count("refused"), [0, 0, 0], "{served}");
    let (jobs, tokens): (i64, i64) = sqlx::query_as(
        "select (select count(*) from engine.job), (select count(*) from engine.token where revoked_at is null)",
    )
    .fetch_one(database.pool())
    .await
    .expect("counts");
    assert_eq!((jobs, tokens), (0, 0));
}
