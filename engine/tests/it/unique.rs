//! Unique keys: every scope, every answer to a twin, in every state of the twin.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Answer, Client, Error, NewJob, Outcome, State, Twin, UniqueScope, When};
use uuid::Uuid;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
const PERIOD: UniqueScope = UniqueScope::Period(HOUR);

fn keyed(name: &str, scope: UniqueScope, twin: Twin) -> NewJob {
    act(name).unique("k", scope, twin)
}

/// Where the first job is when its twin comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Scheduled,
    Queued,
    Running,
    /// Running, with one that follows it.
    Followed,
    Ended,
}

/// Who answers, and what.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    New,
    Keep,
    Replace,
    Follow,
    /// The one that follows already stands for this one.
    KeepFollower,
    /// The one that follows already gets the args.
    ReplaceFollower,
}

/// The rule, read from the documentation of [`UniqueScope`] and [`Twin`].
fn rule(scope: UniqueScope, twin: Twin, place: Place) -> Option<Want> {
    use Place::{Ended, Followed, Queued, Running, Scheduled};
    Some(match (scope, place, twin) {
        (UniqueScope::Queued | UniqueScope::Period(_), Followed, _) => return None,
        (UniqueScope::QueuedOrRunning, Followed, Twin::Keep) => Want::Keep,
        (UniqueScope::QueuedOrRunning, Followed, Twin::ReplaceArgs) => Want::ReplaceFollower,
        (UniqueScope::QueuedOrRunning, Followed, Twin::RunAfter) => Want::KeepFollower,
        (_, Scheduled | Queued, Twin::ReplaceArgs) => Want::Replace,
        (_, Scheduled | Queued, _) => Want::Keep,
        (UniqueScope::Queued, Running | Ended, _) => Want::New,
        (UniqueScope::QueuedOrRunning, Ended, _) => Want::New,
        (UniqueScope::QueuedOrRunning, Running, Twin::Keep) => Want::Keep,
        (UniqueScope::QueuedOrRunning, Running, _) => Want::Follow,
        (UniqueScope::Period(_), Running | Ended, _) => Want::Keep,
    })
}

#[tokio::test]
async fn every_twin_gets_the_answer_of_its_scope_its_rule_and_its_place() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            let door = door.clone();
            async move {
                if name != "done" {
                    door.pass().await;
                }
                Ok(Outcome::done())
            }
        }),
        slots(100),
    );
    let mut case = 0;
    for scope in [UniqueScope::Queued, UniqueScope::QueuedOrRunning, PERIOD] {
        for twin in [Twin::Keep, Twin::ReplaceArgs, Twin::RunAfter] {
            for place in [
                Place::Scheduled,
                Place::Queued,
                Place::Running,
                Place::Followed,
                Place::Ended,
            ] {
                let Some(want) = rule(scope, twin, place) else {
                    continue;
                };
                case += 1;
                let title = format!("{scope:?}, {twin:?}, twin {place:?}");
                let key = format!("case {case}");
                let set = |job: NewJob| job.unique(&key, scope, twin);
                let (first, follower) = put(db.client(), place, &set).await;

                let second = set(act("second"));
                let answer = db.client().enqueue(second.clone()).await.unwrap();

                let other = follower.unwrap_or(first);
                let expected = match want {
                    Want::New => (second.id(), Answer::Inserted),
                    Want::Keep => (first, Answer::Kept),
                    Want::Replace => (first, Answer::Replaced),
                    Want::Follow => (second.id(), Answer::Follows),
                    Want::KeepFollower => (other, Answer::Kept),
                    Want::ReplaceFollower => (other, Answer::Replaced),
                };
                // What is kept for a twin that is followed is the follower, or its twin: both stand.
                let kept_either =
                    want == Want::Keep && place == Place::Followed && answer.id == other;
                assert!(
                    (answer.id, answer.answer) == expected || kept_either,
                    "{title}: {answer:?}, not {expected:?}"
                );
                let args = job(db.client(), expected.0).await.args;
                let replaced = matches!(want, Want::Replace | Want::ReplaceFollower);
                let is_second = replaced || expected.0 == second.id();
                assert_eq!(args["name"] == "second", is_second, "{title}: args {args}");
            }
        }
    }
    assert_each_job_is_in_one_place(&db).await;
    gate.open(1_000);
    worker.stop().await;
}

/// A first job with a key, brought to its place; and the one that follows it.
async fn put(
    client: &Client,
    place: Place,
    set: &dyn Fn(NewJob) -> NewJob,
) -> (Uuid, Option<Uuid>) {
    let paused = |name: &str| set(act(name)).queue("nobody");
    let job = match place {
        Place::Scheduled => set(act("first")).when(When::After(HOUR)),
        Place::Queued => paused("first"),
        Place::Running | Place::Followed => set(act("first")),
        Place::Ended => set(act("done")),
    };
    let id = client.enqueue(job).await.unwrap().id;
    match place {
        Place::Running | Place::Followed => reaches(client, id, State::Running).await,
        Place::Ended => reaches(client, id, State::Completed).await,
        Place::Scheduled | Place::Queued => {}
    }
    if place != Place::Followed {
        return (id, None);
    }
    let follower = set(act("follower")).unique(
        key_of(&set(act(""))),
        UniqueScope::QueuedOrRunning,
        Twin::RunAfter,
    );
    let follower = client.enqueue(follower).await.unwrap();
    assert_eq!(follower.answer, Answer::Follows);
    (id, Some(follower.id))
}

/// The key that `set` gives.
fn key_of(job: &NewJob) -> String {
    let text = format!("{job:?}");
    let from = text.find("key: \"").unwrap() + 6;
    text[from..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn fifty_callers_of_one_key_make_one_job() {
    for scope in [UniqueScope::Queued, UniqueScope::QueuedOrRunning, PERIOD] {
        let db = Database::new().await;

        let calls = (0..50).map(|n| {
            db.client()
                .enqueue(keyed(&n.to_string(), scope, Twin::Keep))
        });
        let answers = futures::future::join_all(calls).await;

        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            answers
                .iter()
                .filter(|one| one.answer == Answer::Inserted)
                .count(),
            1,
            "{scope:?}"
        );
        assert!(
            answers.iter().all(|one| one.id == answers[0].id),
            "{scope:?}"
        );
        assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
    }
}

/// How the first of two twins ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Completed,
    Dead,
    Cancelled,
    Rescued,
}

#[tokio::test]
async fn a_follower_runs_only_after_its_twin_whichever_way_that_ended() {
    for end in [End::Completed, End::Dead, End::Cancelled, End::Rescued] {
        let db = Database::new().await;
        let (noted, gate) = (Notes::default(), Gate::closed());
        let (notes, door) = (noted.clone(), gate.clone());
        let worker = run_worker(
            db.client(),
            playing(move |name, cx| {
                let (notes, door) = (notes.clone(), door.clone());
                async move {
                    notes.add(name.clone());
                    if name == "second" {
                        return Ok(Outcome::done());
                    }
                    tokio::select! { () = door.pass() => {}, () = cx.stopped() => {} }
                    notes.add("first over");
                    if end == End::Completed {
                        Ok(Outcome::done())
                    } else {
                        Ok(Outcome::Dead("over".into()))
                    }
                }
            }),
            quick(),
        );
        let scope = UniqueScope::QueuedOrRunning;
        let first = keyed("first", scope, Twin::RunAfter).max_attempts(1);
        let first = db.client().enqueue(first).await.unwrap().id;
        noted.reach("first", 1).await;
        let second = db
            .client()
            .enqueue(keyed("second", scope, Twin::RunAfter))
            .await
            .unwrap();
        let waiting = job(db.client(), second.id).await;
        assert_eq!(
            (second.answer, waiting.state),
            (Answer::Follows, State::Waiting),
            "{end:?}"
        );

        match end {
            End::Completed | End::Dead => gate.open(1),
            End::Cancelled => drop(db.client().cancel(first, &somebody(), "no").await.unwrap()),
            End::Rescued => {
                meddle(&db, "update engine.running set lease_until = now() - interval '1 second', nonce = nonce + 1").await;
            }
        }

        let (first, second) = (
            ended(db.client(), first).await,
            ended(db.client(), second.id).await,
        );
        assert!(first.state.is_terminal(), "{end:?}");
        // Whoever was rescued from need not know yet.
        if end != End::Rescued {
            assert_eq!(noted.all(), ["first", "first over", "second"], "{end:?}");
        }
        assert_eq!(second.state, State::Completed, "{end:?}");
        assert_eq!(
            number(&db, "select count(*) from engine.key").await,
            0,
            "{end:?}"
        );
        gate.open(10);
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_retry_between_two_attempts_lets_no_twin_in() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { Ok(Outcome::Snooze(HOUR)) }),
        quick(),
    );
    let first = db
        .client()
        .enqueue(keyed("first", UniqueScope::QueuedOrRunning, Twin::Keep))
        .await
        .unwrap();
    until("snoozed", || async {
        outcomes(db.client(), first.id).await == ["snooze"]
    })
    .await;

    let second = db
        .client()
        .enqueue(keyed("second", UniqueScope::QueuedOrRunning, Twin::Keep))
        .await
        .unwrap();

    assert_eq!((second.id, second.answer), (first.id, Answer::Kept));
    worker.stop().await;
}

#[tokio::test]
async fn a_dead_job_whose_key_is_taken_is_not_retried() {
    let db = Database::new().await;
    let scope = UniqueScope::QueuedOrRunning;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { Ok(Outcome::Dead("over".into())) }),
        quick(),
    );
    let first = db
        .client()
        .enqueue(keyed("first", scope, Twin::Keep))
        .await
        .unwrap()
        .id;
    ended(db.client(), first).await;
    let second = keyed("second", scope, Twin::Keep).queue("nobody");
    let second = db.client().enqueue(second).await.unwrap().id;

    let refused = db.client().retry(first, &somebody()).await;

    assert!(
        matches!(refused, Err(Error::UniqueKeyTaken { twin, .. }) if twin == second),
        "{refused:?}"
    );
    assert_eq!(job(db.client(), first).await.state, State::Dead);
    db.client()
        .cancel(second, &somebody(), "make room")
        .await
        .unwrap();
    db.client().retry(first, &somebody()).await.unwrap();
    let third = db
        .client()
        .enqueue(keyed("third", scope, Twin::Keep))
        .await
        .unwrap();
    assert!(
        third.id == first || job(db.client(), first).await.state == State::Dead,
        "{third:?}"
    );
    worker.stop().await;
}
