//! `record.prune_history`: old stories go, and nothing that somebody still needs.

use engine::{NewJob, State};
use jobs::record::PruneHistory;

use crate::support::House;

#[tokio::test]
async fn what_is_old_goes_in_chunks_and_what_is_needed_stays() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(3).await;
    for _ in 0..3 {
        house.synced(company).await;
    }
    sqlx::raw_sql(
        "insert into sync.history (stream, partition, key, event, at) \
         select 'soundtrack.zones', 'company:1', n::text, 'created', now() - interval '500 days' \
         from generate_series(1, 5000) n; \
         update sync.run set started_at = now() - interval '500 days', ended_at = now() - interval '500 days';",
    )
    .execute(&house.env.pool)
    .await
    .unwrap();

    let enqueued = house
        .engine()
        .enqueue(NewJob::of(&PruneHistory { keep_days: 400 }))
        .await
        .unwrap();
    let job = house.end_of(enqueued).await;

    let counted = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&house.env.pool)
            .await
            .unwrap()
    };
    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    // The three zones were created a moment ago, behind what is older in time and not in ids.
    assert_eq!(
        counted("select count(*) from sync.history where at < now() - interval '400 days'").await,
        0
    );
    assert_eq!(counted("select count(*) from sync.history").await, 3);
    assert_eq!(
        counted("select count(*) from sync.run").await,
        1,
        "the run that proved what is there stays"
    );
}

#[tokio::test]
async fn keeping_nothing_at_all_is_refused() {
    let house = House::new().await;
    let _worker = house.worker();

    let enqueued = house
        .engine()
        .enqueue(NewJob::of(&PruneHistory { keep_days: 0 }))
        .await
        .unwrap();
    let job = house.end_of(enqueued).await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("invalid"))
    );
}
