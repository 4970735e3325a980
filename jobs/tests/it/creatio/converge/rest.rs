//! Rest: nobody does anything any more, and what is left to people they settle.

use jobs::creatio::conflict::{self, Status};
use jobs::creatio::{Chosen, Decision, reconcile_of};
use jobs::held;
use rand::RngExt as _;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::super::support::{CREATIO, House};

/// Nobody does anything, nothing fails, and what waits for a time waits no more.
pub(crate) async fn quiesce(house: &House) {
    let mut still = 0;
    for _ in 0..20 {
        house.a_while_later().await;
        approve_sweeps(house).await;
        let counts = house.synced().await;
        let moved = serde_json::to_value(counts).unwrap();
        let moves = [
            "created_in_creatio",
            "updated_in_creatio",
            "deleted_in_creatio",
            "created_here",
        ];
        let moves = moves
            .iter()
            .chain(&["updated_here", "deleted_here", "linked"]);
        // What a person must allow first is not at rest.
        let is_still = waiting(house).await.is_empty();
        match is_still && moves.clone().all(|name| moved[*name] == 0) {
            true => still += 1,
            false => still = 0,
        }
        if still == 2 {
            return;
        }
    }
    panic!("it does not come to rest\n{}", house.story().await);
}

async fn waiting(house: &House) -> Vec<held::Held> {
    let held = held::list(&house.env.pool, false, None, 100).await;
    held.unwrap().data
}

/// More was deleted at once than is believed without asking: they did it.
async fn approve_sweeps(house: &House) {
    for one in waiting(house).await {
        let mut tx = house.env.pool.begin().await.unwrap();
        held::approve(&mut tx, one.run_id, ("nok", Some("so it was")))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

/// People settle everything that is left to them.
pub(crate) async fn settle_all(house: &House, chance: &mut StdRng) {
    let filter = conflict::Filter {
        status: Some(Status::Open),
        ..conflict::Filter::default()
    };
    let open = conflict::list(&house.env.pool, &filter, 1_000)
        .await
        .unwrap();
    for one in open.data {
        let decision = match chance.random_bool(0.5) {
            true => Decision::Take(Chosen::Local),
            false => Decision::Take(Chosen::Creatio),
        };
        let word = conflict::Word {
            by: "nok",
            note: None,
            seen: Some(one.updated_at),
        };
        let mut tx = house.env.pool.begin().await.unwrap();
        conflict::resolve(&mut tx, one.id, &decision, word)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    house.done(reconcile_of(CREATIO, "test")).await;
}

/// Why the jobs that have not ended have not.
pub(crate) async fn hanging(house: &House) -> String {
    let jobs = "select id, kind from engine.pending union all select id, kind from engine.running";
    let jobs: Vec<(Uuid, String)> = sqlx::query_as(jobs)
        .fetch_all(&house.env.pool)
        .await
        .unwrap();
    let connection = "select to_jsonb(c)::text from sync.connection c";
    let connection: Vec<String> = sqlx::query_scalar(connection)
        .fetch_all(&house.env.pool)
        .await
        .unwrap();
    let busy = "select format('%s %s %s for %s: %s', pid, application_name, coalesce(wait_event, state), \
                    clock_timestamp() - state_change, query) \
                from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()";
    let busy: Vec<String> = sqlx::query_scalar(busy)
        .fetch_all(&house.env.pool)
        .await
        .unwrap();
    let mut told = format!(
        "{connection:?} {:?}\n{}\n",
        house.vendor.faults(),
        busy.join("\n")
    );
    for (id, kind) in jobs {
        let why = house.engine().why(id).await.unwrap();
        let job = house.engine().job(id).await.unwrap();
        told.push_str(&format!("{kind}: {why:#?}\n{job:#?}\n"));
    }
    told
}
