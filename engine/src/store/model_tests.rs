//! The model test: random verbs against a real Postgres and against a model that knows nothing but
//! `state::MOVES` and the counts. After every step each job must be in exactly one place, as the model
//! says, and what has ended must not have changed.

mod model;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::claim::{Ask, Kinds, Look, claim};
use super::settle::{Settlement, settle};
use super::{cancel, enqueue, heartbeat, promote, rescue, retry};
use crate::flow::Wait;
use crate::state::{Move, State};
use crate::testing::Database;
use crate::{Error, Fence, NewJob, Policy, When};
use model::{End, Model, Modelled, Stale, Step};

const HOUR: Duration = Duration::from_secs(3600);

/// The engine's own statements, one connection at a time.
struct Engine {
    pool: PgPool,
    ids: Vec<Uuid>,
    /// Every fence each job ever had; the last may be the present one.
    fences: HashMap<usize, Vec<Fence>>,
    /// What stood in the database after the last step.
    states: Vec<State>,
    ended: HashMap<Uuid, String>,
    nonce: i64,
}

/// One server and one database for all cases: each begins with empty tables.
fn shared() -> &'static (tokio::runtime::Runtime, PgPool) {
    static SHARED: OnceLock<(tokio::runtime::Runtime, PgPool)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let db = runtime.block_on(Database::new());
        let pool = db.pool().clone();
        // Lives as long as the process; the test server goes after it.
        std::mem::forget(db);
        (runtime, pool)
    })
}

impl Engine {
    async fn step(&mut self, step: &Step) {
        let mut conn = self.pool.acquire().await.unwrap();
        match *step {
            Step::Enqueue {
                max_attempts,
                later,
            } => {
                let job = NewJob::new("test.model", &json!({}))
                    .queue(format!("queue {}", self.ids.len()))
                    .max_attempts(max_attempts)
                    .when(if later { When::After(HOUR) } else { When::Now });
                self.ids.push(job.id());
                enqueue::enqueue(&mut conn, &[job], enqueue::Hint::Caller)
                    .await
                    .unwrap();
            }
            Step::ComesDue(job) => {
                sqlx::query(
                    "update engine.pending set run_at = least(run_at, now()) where id = $1",
                )
                .bind(self.ids[job])
                .execute(&mut *conn)
                .await
                .unwrap();
                promote::promote(&mut conn).await.unwrap();
            }
            Step::Claim(job) => self.claim(job).await,
            Step::Settle(job, end) => {
                let Some(fence) = self.fences.get(&job).and_then(|all| all.last()).copied() else {
                    return;
                };
                let settled = settle(&mut conn, &[settlement(fence, end)]).await.unwrap();
                assert_eq!(
                    settled.refused.is_empty(),
                    self.states[job] == State::Running,
                    "accepted or refused wrongly"
                );
            }
            Step::SettleStale(job, stale, end) => {
                let Some(all) = self.fences.get(&job) else {
                    return;
                };
                let present = all[all.len() - 1];
                let fence = match stale {
                    Stale::Nonce => Fence {
                        nonce: present.nonce ^ 1,
                        ..present
                    },
                    Stale::Attempt => Fence {
                        attempt: present.attempt + 1,
                        ..present
                    },
                    Stale::Old if all.len() > 1 => all[all.len() - 2],
                    Stale::Old => return,
                };
                assert_eq!(
                    settle(&mut conn, &[settlement(fence, end)])
                        .await
                        .unwrap()
                        .refused,
                    [fence]
                );
                assert!(
                    heartbeat::extend(&mut conn, &[fence], HOUR)
                        .await
                        .unwrap()
                        .is_empty()
                );
            }
            Step::Heartbeat(job) => {
                let Some(fence) = self.fences.get(&job).and_then(|all| all.last()).copied() else {
                    return;
                };
                let held = heartbeat::extend(&mut conn, &[fence], HOUR).await.unwrap();
                assert_eq!(
                    held.contains_key(&fence),
                    self.states[job] == State::Running
                );
            }
            Step::Expire(job) => {
                sqlx::query("update engine.running set lease_until = now() - interval '1 second' where id = $1")
                    .bind(self.ids[job])
                    .execute(&mut *conn)
                    .await
                    .unwrap();
            }
            Step::Rescue => drop(rescue::rescue(&mut conn).await.unwrap()),
            Step::Cancel(job) => {
                let done = cancel::cancel(&mut conn, self.ids[job], "why")
                    .await
                    .unwrap();
                assert_eq!(done.is_some(), !self.states[job].is_terminal());
            }
            Step::Retry(job) => {
                let done = retry::retry(&mut conn, self.ids[job]).await;
                let legal = self.states[job].after(Move::Retry).is_some();
                assert_eq!(done.is_ok(), legal, "{done:?}");
                assert!(
                    legal || matches!(done, Err(Error::WrongState { .. })),
                    "{done:?}"
                );
            }
        }
    }

    async fn claim(&mut self, job: usize) {
        self.nonce += 2;
        let ask = Ask {
            queue: &format!("queue {job}"),
            kinds: &Kinds::of(&[("test.model".to_owned(), Policy::default())]),
            look: if self.nonce % 4 == 0 {
                Look::Plain {
                    from: None,
                    asks_fair: true,
                }
            } else {
                Look::Fair {
                    below: "",
                    unkeyed: true,
                    keys: 10,
                    floors: Vec::new(),
                }
            },
            limit: 10,
            nonce: self.nonce,
            worker_id: Uuid::nil(),
            lease: HOUR,
        };
        for claimed in claim(&mut self.pool.acquire().await.unwrap(), &ask)
            .await
            .unwrap()
            .jobs
        {
            assert_eq!(claimed.fence.job_id, self.ids[job]);
            self.fences.entry(job).or_default().push(claimed.fence);
        }
    }

    /// Compares everything with the model.
    async fn check(&mut self, jobs: &[Modelled], step: &Step) {
        type Row = (Uuid, String, i32, i16, i16, i16, bool);
        let rows: Vec<Row> = sqlx::query_as(
            "select id, state::text, attempt, failed, crashes, max_attempts, cancel_requested \
             from engine.job_status order by id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let due: Vec<Uuid> = sqlx::query_scalar("select id from engine.pending where due")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        assert_eq!(
            rows.len(),
            self.ids.len(),
            "each job is in exactly one place"
        );
        self.states.clear();
        for ((id, model), row) in self.ids.iter().zip(jobs).zip(rows) {
            let (found, state, attempt, failed, crashes, max_attempts, cancel_requested) = row;
            let state = State::parse(&state).unwrap();
            assert_eq!(found, *id);
            assert_eq!(
                (state, due.contains(id)),
                (model.state, model.due),
                "{model:?}"
            );
            assert_eq!(
                (attempt, failed, crashes),
                (model.attempt, model.failed, model.crashes),
                "{model:?}"
            );
            assert_eq!(
                (max_attempts, cancel_requested),
                (model.max_attempts, model.cancel_requested),
                "{model:?}"
            );
            self.states.push(state);
        }
        let ended: Vec<(Uuid, String)> = sqlx::query_as("select id, e::text from engine.ended e")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        let ended: HashMap<Uuid, String> = ended.into_iter().collect();
        let retried = if let Step::Retry(job) = step {
            Some(self.ids[*job])
        } else {
            None
        };
        for (id, before) in self.ended.iter().filter(|(id, _)| Some(**id) != retried) {
            assert_eq!(ended.get(id), Some(before), "what has ended never changes");
        }
        self.ended = ended;
    }
}

fn settlement(fence: Fence, end: End) -> Settlement {
    let (state, outcome, later) = match end {
        End::Done => (State::Completed, "done", false),
        End::Retry { later } => (State::Available, "retry", later),
        End::Snooze { later } => (State::Available, "snooze", later),
        End::PutOff => (State::Available, "put_off", true),
        End::Wait => (State::Waiting, "wait", false),
        End::Dead => (State::Dead, "dead", false),
        End::Cancel => (State::Cancelled, "cancel", false),
    };
    let delay = if later { HOUR } else { Duration::ZERO };
    Settlement {
        fence,
        state,
        outcome,
        delay,
        code: None,
        error: None,
        result: None,
        frees: None,
        wait: (end == End::Wait).then(|| Wait::Signal("go".into(), None)),
        put_off_for: (end == End::PutOff).then(|| "remote".into()),
    }
}

struct Walk;

impl StateMachineTest for Walk {
    type SystemUnderTest = Engine;
    type Reference = Model;

    fn init_test(_: &Vec<Modelled>) -> Engine {
        let (runtime, pool) = shared();
        let empty = "truncate engine.job, engine.pending, engine.running, engine.ended, engine.attempt, engine.key, engine.flow, engine.put_off";
        runtime.block_on(async { sqlx::query(empty).execute(pool).await.unwrap() });
        Engine {
            pool: pool.clone(),
            ids: Vec::new(),
            fences: HashMap::new(),
            states: Vec::new(),
            ended: HashMap::new(),
            nonce: 0,
        }
    }

    fn apply(mut engine: Engine, jobs: &Vec<Modelled>, step: Step) -> Engine {
        shared().0.block_on(async {
            engine.step(&step).await;
            engine.check(jobs, &step).await;
        });
        engine
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_of_verbs_keeps_each_job_in_its_one_legal_place(sequential 1..60 => Walk);
}
