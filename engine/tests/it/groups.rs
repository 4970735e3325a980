//! Groups of dead letters: one a cause, counted as letters come and go.

use engine::testing::Database;
use engine::{Again, Client, DeadGroup, Failure, Filter, NewJob, Tendency};
use uuid::Uuid;

use crate::support::*;

/// Jobs that die of what their name says.
async fn died(db: &Database, names: &[&str]) -> Vec<Uuid> {
    let jobs: Vec<_> = names.iter().map(|name| act(name)).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    let ids: Vec<Uuid> = jobs.iter().map(NewJob::id).collect();
    let dying = playing(|name, _| async move {
        let (code, message) = name.split_once(' ').unwrap_or((&name, ""));
        Err(Failure::new(code, message).again(Again::Never))
    });
    let worker = elsewhere(db, dying, quick()).await;
    for id in &ids {
        ended(db.client(), *id).await;
    }
    until_count(
        db,
        "all are in groups",
        "select count(*) from engine.ended where state = 'dead' and fingerprint is null",
        0,
    )
    .await;
    worker.stop().await;
    ids
}

async fn groups(client: &Client) -> Vec<DeadGroup> {
    client.dead_groups(None, 50).await.unwrap().data
}

#[tokio::test]
async fn letters_of_one_cause_are_one_group() {
    let db = Database::new().await;

    let ids = died(
        &db,
        &[
            "http zone 1 answered",
            "http zone 22 answered",
            "timeout zone 3",
        ],
    )
    .await;

    let groups = groups(db.client()).await;
    assert_eq!(groups.len(), 2);
    let of_two = groups.iter().find(|group| group.dead == 2).unwrap();
    assert_eq!(
        (
            of_two.message.as_str(),
            of_two.code.as_deref(),
            of_two.deaths
        ),
        ("zone <n> answered", Some("http"), 2)
    );
    assert_eq!(
        (of_two.trend.len(), of_two.trend.iter().sum::<i64>()),
        (24, 2)
    );
    assert!(ids.contains(&of_two.sample_job_id));
    let filter = Filter::parse(&format!("fingerprint:{}", of_two.fingerprint)).unwrap();
    let letters = db.client().jobs(filter).await.unwrap().data;
    assert_eq!(letters.len(), 2);
    assert!(
        letters
            .iter()
            .all(|job| job.fingerprint.as_ref() == Some(&of_two.fingerprint))
    );
}

/// When the letters of the groups ended, the first and the last.
async fn ended_at(db: &Database) -> (jiff::Timestamp, jiff::Timestamp) {
    let (first, last): (jiff_sqlx::Timestamp, jiff_sqlx::Timestamp) = sqlx::query_as(
        "select min(ended_at), max(ended_at) from engine.ended where state = 'dead'",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    (first.to_jiff(), last.to_jiff())
}

#[tokio::test]
async fn a_group_is_first_seen_with_its_first_letter_and_last_with_its_last() {
    let db = Database::new().await;
    let ids = died(&db, &["http zone 1"]).await;
    let (first, _) = ended_at(&db).await;
    let alone = groups(db.client()).await.remove(0);

    died(&db, &["http zone 2"]).await;
    let (_, last) = ended_at(&db).await;
    let both = groups(db.client()).await.remove(0);
    db.client().delete(ids[0], &somebody()).await.unwrap();
    let later = groups(db.client()).await.remove(0);

    assert_eq!((alone.first_seen_at, alone.last_seen_at), (first, first));
    assert_eq!((both.first_seen_at, both.last_seen_at), (first, last));
    assert!(last > first);
    assert_eq!(
        (later.first_seen_at, later.last_seen_at),
        (first, last),
        "it was seen then, whatever became of its letters"
    );
}

#[tokio::test]
async fn a_letter_leaves_its_group_by_retry_and_delete_and_comes_back_when_it_dies_again() {
    let db = Database::new().await;
    let ids = died(&db, &["http zone 1", "http zone 2", "http zone 3"]).await;

    db.client().retry(ids[0], &somebody()).await.unwrap();
    db.client().delete(ids[1], &somebody()).await.unwrap();
    let left = groups(db.client()).await;
    died(&db, &[]).await;
    ended(db.client(), ids[2]).await;
    let again = elsewhere(
        &db,
        playing(|_, _| async { Err(Failure::new("http", "zone 9").again(Again::Never)) }),
        quick(),
    )
    .await;
    ended(db.client(), ids[0]).await;
    until("it is back", || async {
        groups(db.client()).await[0].dead == 2
    })
    .await;
    again.stop().await;

    assert_eq!((left[0].deaths, left[0].dead), (3, 1));
    let back = groups(db.client()).await;
    assert_eq!((back[0].deaths, back[0].dead), (4, 2));
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_crashed_jobs_letter_is_grouped_like_any_other() {
    let db = Database::new().await;
    let job = act("poison");
    let id = job.id();
    db.client().enqueue(job).await.unwrap();
    meddle(
        &db,
        "with taken as (delete from engine.pending returning *) \
         insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
             nonce, worker_id, started_at, lease_until) \
         select shard, id, kind, queue, priority, 3, 2, 2, max_attempts, 1, gen_random_uuid(), now(), \
             now() - interval '1 second' from taken",
    )
    .await;

    let worker = elsewhere(&db, done(), quick()).await;
    ended(db.client(), id).await;
    until("it is in a group", || async {
        !groups(db.client()).await.is_empty()
    })
    .await;
    worker.stop().await;

    assert_eq!(groups(db.client()).await[0].code.as_deref(), Some("poison"));
}

#[tokio::test]
async fn groups_are_paged_by_their_newest_letter() {
    let db = Database::new().await;
    died(&db, &["a x", "b x", "c x", "d x", "e x"]).await;

    let mut codes = Vec::new();
    let mut before = None;
    loop {
        let page = db.client().dead_groups(before.as_ref(), 2).await.unwrap();
        codes.extend(page.data.into_iter().filter_map(|group| group.code));
        before = page.next;
        if before.is_none() {
            break;
        }
    }

    codes.sort();
    assert_eq!(codes, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_cause_that_strikes_after_its_letters_were_replayed_has_come_back() {
    let db = Database::new().await;
    let ids = died(&db, &["http zone 1", "http zone 2"]).await;

    let fresh = groups(db.client()).await;
    db.client().delete(ids[1], &somebody()).await.unwrap();
    died(&db, &["http zone 3"]).await;
    let never_empty = groups(db.client()).await;
    let letters = Filter::parse("state:dead").unwrap();
    for letter in db.client().jobs(letters).await.unwrap().data {
        db.client().delete(letter.id, &somebody()).await.unwrap();
    }
    let empty = db.client().dead_group(&fresh[0].fingerprint).await.unwrap();
    died(&db, &["http zone 4"]).await;

    assert_eq!(
        (fresh[0].regressed_at, fresh[0].tendency),
        (None, Tendency::Rising)
    );
    assert_eq!(never_empty[0].regressed_at, None);
    assert_eq!(
        empty.map(|group| (group.dead, group.regressed_at)),
        Some((0, None))
    );
    let back = &groups(db.client()).await[0];
    assert!(
        back.regressed_at
            .is_some_and(|at| at > fresh[0].last_seen_at && at <= back.last_seen_at)
    );
}
