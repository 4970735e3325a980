//! Acts on many jobs at the command line.

use engine::testing::Database;
use engine::{Actor, Filter, JobQuery, NewJob, State};
use serde_json::{Value, json};

use super::{database, ended, json, lockstep, redacted};

/// So many dead letters.
async fn bury(database: &Database, count: i32) {
    sqlx::query(
        "with made as materialized (select n, (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 1000 + n), 12, '0') \
             || '70008' || lpad(to_hex(n), 15, '0'))::uuid as id from generate_series(1, $1) n), \
         asked as (insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts) \
             select 0, id, 'soundtrack.sync_zones', jsonb_build_object('company_id', n), 'default', 0, now(), 8 from made) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, \
             started_at, ended_at, outcome, code, error) \
         select 0, id, 'soundtrack.sync_zones', 'default', 'dead', 0, 1, 1, 0, 8, now(), \
             now() - ($1 - n) * interval '1 millisecond', 'dead', 'http_401', 'the token was refused' from made",
    )
    .bind(count)
    .execute(database.pool())
    .await
    .expect("dead letters");
}

async fn in_state(database: &Database, state: State) -> usize {
    let query = JobQuery::from(Filter::new().state(state));
    let page = database.client().jobs(query).await;
    page.expect("jobs").data.len()
}

#[tokio::test]
async fn a_bulk_act_is_shown_confirmed_done_and_found_again() {
    let _redacted = redacted();
    let database = database().await;
    bury(&database, 7).await;
    let replay = ["dead", "replay", "--all"];

    let (dry_code, dry, _) =
        ended(lockstep(&database, &[&replay[..], &["--dry-run"]].concat())).await;
    let (unasked, _, err) = ended(lockstep(&database, &replay)).await;
    assert_eq!((dry_code, unasked), (0, 2), "{err}");
    assert_eq!(in_state(&database, State::Dead).await, 7);
    let reason = ["--yes", "--reason", "the token is new"];
    let (code, done, err) = ended(lockstep(&database, &[&replay[..], &reason].concat())).await;
    assert_eq!(code, 0, "{err}");
    let (_, list, _) = ended(lockstep(&database, &["bulk", "list", "-o", "csv"])).await;
    let (_, id, _) = ended(lockstep(&database, &["bulk", "list", "-o", "name"])).await;
    let (_, shown, next) = ended(lockstep(&database, &["bulk", "show", id.trim()])).await;
    let (_, none, _) = ended(lockstep(&database, &[&replay[..], &reason].concat())).await;

    // Its speed is this machine's.
    insta::assert_snapshot!(
        "bulk",
        [dry, err, done, list, shown, next, none].join("---\n")
    );
    assert_eq!(in_state(&database, State::Available).await, 7);
}

#[tokio::test]
async fn every_verb_on_many_goes_through_a_bulk_act() {
    let database = database().await;
    let hour = engine::When::After(std::time::Duration::from_secs(3_600));
    let later = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 1})).when(hour);
    database.client().enqueue(later).await.expect("enqueue");
    bury(&database, 3).await;
    let acts: &[(&[&str], &str)] = &[
        (
            &["job", "run-now", "--filter", "kind:soundtrack.*"],
            "run_now",
        ),
        (&["job", "cancel", "--kind", "soundtrack.*"], "cancel"),
        (
            &[
                "job",
                "again",
                "--filter",
                "state:dead",
                "--patch",
                "{\"full\": true}",
            ],
            "run_again",
        ),
        (&["job", "retry", "--filter", "state:cancelled"], "retry"),
        (&["job", "delete", "-f", "state:dead"], "delete"),
    ];
    let mut told = Vec::new();
    for (words, act) in acts {
        let (code, bulk) = json(lockstep(
            &database,
            &[words, &["--yes", "-o", "json"][..]].concat(),
        ))
        .await;
        assert_eq!((code, &bulk["act"]), (0, &json!(act)), "{words:?} {bulk}");
        told.push(bulk["done"].clone());
    }

    assert_eq!(told, [json!(1), json!(1), json!(3), json!(1), json!(3)]);
    let found = JobQuery::from(Filter::parse("args.full:true").expect("a filter"));
    assert_eq!(
        database
            .client()
            .jobs(found)
            .await
            .expect("jobs")
            .data
            .len(),
        3
    );
}

#[tokio::test]
async fn what_is_not_waited_for_can_be_stopped_and_resumed() {
    let database = database().await;
    bury(&database, 20).await;
    let words = [
        "dead",
        "replay",
        "--all",
        "--yes",
        "--no-wait",
        "--chunk",
        "5",
        "-o",
        "json",
    ];
    let (_, begun) = json(lockstep(&database, &words)).await;
    let id = begun["id"].as_str().expect("an id").to_owned();
    let turn = async |verb: &str, more: &[&str]| {
        ended(lockstep(
            &database,
            &[&["bulk", verb, id.as_str()], more].concat(),
        ))
        .await
    };

    assert_eq!(
        (&begun["state"], &begun["matched"]),
        (&json!("planned"), &json!(20))
    );
    assert_eq!(turn("resume", &[]).await.0, 4);
    let (code, would, _) = turn("abort", &["--dry-run"]).await;
    assert!(code == 0 && would.contains("Would stop"), "{would}");
    assert_eq!(turn("abort", &["--reason", "wrong"]).await.0, 0);
    let (code, _, err) = turn("watch", &[]).await;
    assert!(
        code == 8 && err.contains("aborted by tester: wrong"),
        "{err}"
    );
    let (code, _, err) = turn("abort", &[]).await;
    assert!(code == 4 && err.contains("it is aborted"), "{err}");
    assert_eq!(turn("resume", &[]).await.0, 0);
    let (code, out, err) = turn("watch", &[]).await;

    assert!(
        code == 0 && out.contains("20 done, 0 skipped, 0 refused"),
        "{out}{err}"
    );
    let (code, _, err) = ended(lockstep(
        &database,
        &["bulk", "show", "01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88"],
    ))
    .await;
    assert!(code == 3 && err.contains("lockstep bulk list"), "{err}");
}

#[tokio::test]
async fn a_canary_stops_a_replay_that_would_die_again() {
    let database = database().await;
    bury(&database, 20).await;
    let words = [
        "dead",
        "replay",
        "--all",
        "--yes",
        "--canary",
        "3",
        "--canary-wait",
        "1s",
    ];

    // Nobody runs the three, so that none completes in time.
    let (code, out, err) = ended(lockstep(&database, &words)).await;

    assert_eq!(code, 8, "{out}{err}");
    assert!(
        err.contains("is there a worker for them?") && err.contains("lockstep bulk resume"),
        "{err}"
    );
    assert_eq!(in_state(&database, State::Dead).await, 17);
}

#[tokio::test]
async fn refusals_are_told_by_error_and_end_in_part() {
    let database = database().await;
    let client = database.client();
    let keyed = || {
        NewJob::new("soundtrack.sync_zones", &json!({"company_id": 1})).unique(
            "one",
            engine::UniqueScope::QueuedOrRunning,
            engine::Twin::Keep,
        )
    };
    let id = client.enqueue(keyed()).await.expect("enqueue").id;
    client
        .cancel(id, &Actor::new("tester", "test"), "out of the way")
        .await
        .expect("cancel");
    client.enqueue(keyed()).await.expect("enqueue");

    let words = [
        "job",
        "retry",
        "--filter",
        "state:cancelled",
        "--yes",
        "-o",
        "json",
    ];
    let (code, out, err) = ended(lockstep(&database, &words)).await;
    let bulk: Value = serde_json::from_str(&out).expect("JSON");
    let (_, shown) = json(lockstep(
        &database,
        &[
            "bulk",
            "show",
            bulk["id"].as_str().expect("an id"),
            "-o",
            "json",
        ],
    ))
    .await;

    assert_eq!((code, &bulk["refused"]), (8, &json!(1)));
    assert!(err.contains("1 job refused as unique_key_taken"), "{err}");
    assert_eq!(shown["refusals"][0]["job_ids"], json!([id]));
}

#[tokio::test]
async fn what_is_meant_must_be_said_and_must_be_possible() {
    let database = database().await;
    bury(&database, 1).await;
    let id = "01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";
    let refused: &[(&[&str], &str)] = &[
        (&["job", "retry"], "give ids, a --filter, or --all"),
        (&["job", "cancel", id, "--all"], "give either of them"),
        (
            &["job", "retry", id, "--rate", "5/s"],
            "leave out --canary and --rate",
        ),
        (
            &["job", "retry", "--filter", "state:completed"],
            "means none of these",
        ),
        (
            &["job", "delete", "--all", "--canary"],
            "after delete no job runs",
        ),
        (
            &["job", "retry", "--filter", "stat:dead"],
            "did you mean `state`?",
        ),
        (
            &["job", "retry", "--all", "--rate", "fast"],
            "expected a pace",
        ),
        (&["job", "retry", "--all", "--chunk", "0"], "--chunk"),
        (&["job", "again", id, "--patch", "{}"], "--patch for many"),
        (
            &["job", "again", "--all", "--args", "{}"],
            "--args is for one job",
        ),
        (&["dead", "replay"], "give ids, a --filter, or --all"),
    ];
    for (words, said) in refused {
        let (code, out, err) = ended(lockstep(&database, &[words, &["--yes"][..]].concat())).await;

        assert!(
            code == 2 && err.contains(said),
            "{words:?}: {code} {out}{err}"
        );
    }
    let (_, list) = json(lockstep(&database, &["bulk", "list", "-o", "json"])).await;
    assert_eq!(
        (list, in_state(&database, State::Dead).await),
        (json!([]), 1)
    );
}
