//! Filters and why at the command line.

use engine::{Actor, NewJob, PauseScope};
use serde_json::json;

use super::{database, ended, json, lockstep};

#[tokio::test]
async fn a_filter_and_flags_say_the_same() {
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 42})).tag("vip");
    let other = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 43}));
    let id = job.id();
    database
        .client()
        .enqueue_all(&[job, other])
        .await
        .expect("enqueue");
    let list = async |words: &[&str]| {
        let all = [&["job", "list", "-o", "name"], words].concat();
        ended(lockstep(&database, &all)).await.1
    };

    let wanted = format!("{id}\n");
    assert_eq!(
        list(&["--filter", "kind:soundtrack.* args.company_id:42"]).await,
        wanted
    );
    assert_eq!(
        list(&["--kind", "soundtrack.*", "--tag", "vip"]).await,
        wanted
    );
    assert_eq!(
        list(&["-f", "-args.company_id:43", "--state", "available"]).await,
        wanted
    );
}

#[tokio::test]
async fn a_faulty_filter_is_drawn_with_its_faults() {
    let database = database().await;

    let (code, out, err) = ended(lockstep(
        &database,
        &["job", "list", "-f", "stat:dead age:2h"],
    ))
    .await;

    assert_eq!((code, out.as_str()), (2, ""));
    for said in [
        "^^^^ there is no key `stat`; did you mean `state`?",
        "expected > or <",
    ] {
        assert!(err.contains(said), "{err}");
    }
}

#[tokio::test]
async fn why_names_what_holds_a_job_up_and_what_helps() {
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({}));
    let id = job.id().to_string();
    database.client().enqueue(job).await.expect("enqueue");
    let ada = Actor::new("ada", "test");
    let pause = database
        .client()
        .pause(PauseScope::Queue, "default", &ada, Some("remote down"));
    pause.await.expect("pause");

    let (code, out, _) = ended(lockstep(&database, &["job", "why", &id])).await;
    let (_, why) = json(lockstep(&database, &["job", "why", &id, "-o", "json"])).await;

    assert_eq!(code, 0);
    for said in [
        "queue default is paused by ada",
        ": remote down",
        "lockstep queue resume default",
        "no live worker serves queue default",
    ] {
        assert!(out.contains(said), "{out}");
    }
    assert_eq!(why["causes"][0]["cause"], json!("paused"));
    assert_eq!(why["causes"][1]["cause"], json!("no_worker_for_queue"));
}
