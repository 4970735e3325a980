//! What settling touches by each thing that hangs on a job: keys, batches, partitions, what a cancelled one leaves, what a
//! waiting one looks for. EXPLAIN does not show the statements of functions and triggers, but counts their pages.

use engine::testing::Database;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::plans::{self, Hot, SETTLE};
use crate::support::*;

/// What hangs on a job that runs; there are ten thousand of each.
const CLASSES: &[&str] = &[
    // It alone holds a key; a follower waits for it; a twin that was put back does; a batch does.
    "held",
    "followed",
    "lined",
    "watched",
    // It held its key while it was queued; a twin holds it by now.
    "let_go",
    "twinned",
    // One of a batch of all; the last of one whose owner waits; the last of a chain's link.
    "member",
    "last",
    "link",
    "ordered",
    "owner",
    "listening",
    "waiting",
];

const EACH: i32 = 10_000;
/// So many were there when plans were made.
const FEW: i32 = 20;

/// Ids of a class: the jobs that run, behind them those that wait for them, their batches and those above.
fn first_of(class: &str) -> i32 {
    let place = CLASSES.iter().position(|one| *one == class);
    1_000_000 + 100_000 * i32::try_from(place.unwrap()).unwrap()
}

/// Who waits for a job of a class.
pub(crate) fn other_of(class: &str, n: i32) -> i32 {
    first_of(class) + 20_000 + n
}

pub(crate) fn id(number: i32) -> Uuid {
    Uuid::from_u128(number.unsigned_abs().into())
}

/// The members of the crowd from $1 to $2, and six times as many rows of others in tables that are read for it.
const ROWS: &[&str] = &[
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, unique_key, unique_scope, batch_id, partition_key) \
     select 0, id, case when class = 'ordered' then 'test.ordered' else 'test.act' end, '{}', 'default', 0, now(), 8, class || n, \
            case when class in ('held', 'followed', 'watched') then 'queued_or_running' \
                 when class in ('lined', 'let_go', 'twinned') then 'queued' end, \
            case when class = 'member' then '00000000-0000-0000-0000-000000000063' when class in ('last', 'link') then batch end, \
            case when class = 'ordered' then 'line ' || n end \
     from crowd where n between $1 and $2",
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, unique_key, unique_scope, batch_id) \
     select 0, other, 'test.act', '{}', 'default', 0, now(), 8, class || n, \
            case when class in ('followed', 'link') then 'queued_or_running' when class in ('lined', 'twinned') then 'queued' end, \
            case when class = 'link' then above end \
     from crowd where n between $1 and $2 and class in ('followed', 'lined', 'twinned', 'last', 'link')",
    "insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id, \
         started_at, lease_until, cancel_requested, unique_key, batch_id, partition_key) \
     select 0, j.id, j.kind, j.queue, 0, 1, 0, 0, 8, 7, gen_random_uuid(), now(), now() + interval '1 hour', class = 'owner', \
            case when class in ('held', 'followed', 'lined', 'watched') then j.unique_key end, j.batch_id, j.partition_key \
     from crowd c join engine.job j on j.id = c.id where n between $1 and $2",
    // The first half of the twins is due before those that come back, and the others tomorrow.
    "insert into engine.pending (shard, id, kind, queue, state, due, priority, run_at, max_attempts, unique_key, \
         unique_until_claim, batch_id, waiting_for, rank_at) \
     select 0, j.id, j.kind, j.queue, case when class = 'twinned' then 'available' else 'waiting' end::engine.job_state, \
            class = 'twinned' and n <= 5000, 0, \
            case when class <> 'twinned' then 'infinity' when n <= 5000 then now() else now() + interval '1 day' end, 8, \
            case when j.unique_scope is not null then j.unique_key end, coalesce(j.unique_scope = 'queued', false), j.batch_id, \
            case when class in ('followed', 'lined') then 'twin' when class in ('last', 'link') then 'batch:' || batch end, now() \
     from crowd c join engine.job j on j.id = c.other where n between $1 and $2",
    "insert into engine.key (shard, kind, key, job_id, follower_id, line, watchers) \
     select 0, 'test.act', 'unique:' || class || n, case when class in ('twinned', 'link') then other else id end, \
            case when class = 'followed' then other end, case when class = 'lined' then array[other] end, \
            case when class = 'watched' then array[batch] end \
     from crowd where n between $1 and $2 and class in ('held', 'followed', 'lined', 'watched', 'twinned', 'link')",
    // Of each two members one has completed, and of those that are waited for from now on, one half has both.
    "insert into engine.batch (shard, id, owner_id, name, needs_all, total, pending, completed) \
     select 0, batch, case when class in ('last', 'link') then other else id end, 'parts', class = 'link', 2, pending, 2 - pending \
     from crowd cross join lateral (select case when class = 'waiting' and n <= 5000 then 0 else 1 end as pending) p \
     where n between $1 and $2 and class in ('watched', 'last', 'link', 'owner', 'waiting')",
    "insert into engine.batch (shard, id, owner_id, name, total, pending) \
     select 0, job_id(99), job_id(98), 'all', 10000, 10000 from crowd where n between $1 and $2 and class = 'member' and n = 1",
    "insert into engine.batch (shard, id, owner_id, name, total, pending) \
     select 0, above, above, 'parts', 2, 2 from crowd where n between $1 and $2 and class = 'link'",
    "insert into engine.signal (shard, job_id, name) select 0, job_id(n), 'go' from generate_series($1 * 6 - 5, $2 * 6) n",
    // Behind those, where a scan would find them last.
    "insert into engine.signal (shard, job_id, name) \
     select 0, id, 'go' from crowd where n between $1 and $2 and class = 'listening' and n <= 5000",
    "insert into engine.step (shard, job_id, name, attempt, result) \
     select 0, job_id(n), 'first', 1, '1' from generate_series($1 * 6 - 5, $2 * 6) n",
    "insert into engine.flow (shard, job_id) select 0, job_id(n) from generate_series($1 * 6 - 5, $2 * 6) n",
    "insert into engine.partition_block (shard, partition_key, job_id, kind) \
     select 0, 'other ' || n, job_id(n), 'test.ordered' from generate_series($1 * 6 - 5, $2 * 6) n",
    "insert into engine.attempt (shard, job_id, attempt, started_at, outcome) \
     select 0, job_id(n), 1, now(), 'retry' from generate_series($1 * 6 - 5, $2 * 6) n",
];

/// The crowd of these classes as it is to be, of which no row stands in the engine's tables.
pub(crate) async fn gather(db: &Database, classes: &[&str]) {
    for once in [
        "create function job_id(n integer) returns uuid language sql immutable \
         as $$ select lpad(to_hex(n), 32, '0')::uuid $$",
        "create table crowd (class text, n integer, id uuid, other uuid, batch uuid, above uuid, primary key (class, n))",
        // The ends and attempts of a kind with connections are counted by what their wide rows say.
        "insert into engine.kind (name, partition_order, connected) values ('test.act', null, true), ('test.ordered', 'block', false)",
    ] {
        meddle(db, once).await;
    }
    for class in classes {
        sqlx::query(
            "insert into crowd \
             select $1, n, job_id($2 + n), job_id($2 + 20000 + n), job_id($2 + 40000 + n), job_id($2 + 60000 + n) \
             from generate_series(1, $3) n",
        )
        .bind(class)
        .bind(first_of(class))
        .bind(EACH)
        .execute(db.pool())
        .await
        .unwrap();
    }
}

/// Puts some of each class into the engine's tables.
pub(crate) async fn put(db: &Database, from: i32, to: i32) {
    for rows in ROWS {
        sqlx::query(*rows)
            .bind(from)
            .bind(to)
            .execute(db.pool())
            .await
            .unwrap();
    }
}

/// A way to settle.
struct Way {
    name: &'static str,
    class: &'static str,
    /// State, outcome and delay.
    end: (&'static str, &'static str, i64),
    /// A `batch:` is its own.
    waits_for: &'static str,
    /// Past the first half of the class.
    late: bool,
    /// What holds of each of these jobs, `c` of the crowd, once they are settled, and of no others.
    then: String,
    /// Pages for each job.
    most: u64,
}

const DONE: (&str, &str, i64) = ("completed", "done", 0);
const DEAD: (&str, &str, i64) = ("dead", "dead", 0);
const CANCELLED: (&str, &str, i64) = ("cancelled", "cancel", 0);
const RETRIED: (&str, &str, i64) = ("available", "retry", 1_000);
const SNOOZED: (&str, &str, i64) = ("available", "snooze", 1_000);
const WAITS: (&str, &str, i64) = ("waiting", "wait", -1);

fn way(
    name: &'static str,
    class: &'static str,
    end: (&'static str, &'static str, i64),
    then: String,
    most: u64,
) -> Way {
    Way {
        name,
        class,
        end,
        waits_for: "",
        late: false,
        then,
        most,
    }
}

/// A column of one row that a job of the crowd has, found by its key whatever joins the session may plan.
fn of(table: &str, column: &str, row: &str) -> String {
    format!("(select {column} from engine.{table} x where x.shard = 0 and {row})")
}

fn of_key(column: &str) -> String {
    let row = "x.kind = 'test.act' and x.key = 'unique:' || c.class || c.n";
    of("key", column, row)
}

/// Each with about half as many pages again as it touches: an index's depth, the row and what is written for each row that
/// it changes, of its own and of what hangs on it.
fn ways() -> Vec<Way> {
    let goes_on = of("pending", "state", "x.id = c.id") + " = 'available'";
    let stays = of("pending", "state", "x.id = c.id") + " = 'waiting'";
    let other_goes_on = of("pending", "state", "x.id = c.other") + " = 'available'";
    let has_key = of_key("job_id") + " = c.id";
    let no_key = of_key("job_id") + " is null";
    let in_line = of_key("line") + " = array[c.id]";
    let in_front = of_key("line") + " = array[c.other]";
    let told = of("batch", "completed", "x.id = c.batch") + " = 2";
    let counted = of("batch", "completed", "x.id = job_id(99)")
        + " > 0 and "
        + &of("ended", "state", "x.id = c.id")
        + " = 'completed'";
    let broken = of("ended", "code", "x.id = c.other") + " = 'chain_broken'";
    let blocked = of(
        "partition_block",
        "job_id",
        "x.partition_key = 'line ' || c.n",
    ) + " = c.id";
    let abandoned = of("batch", "abandoned", "x.id = c.batch");
    let late = |one: Way| Way { late: true, ..one };
    let signal = |one: Way| Way {
        waits_for: "signal:go",
        ..one
    };
    let batch = |one: Way| Way {
        waits_for: "batch:",
        ..one
    };
    let also = String::clone;
    vec![
        way("a key", "held", DONE, no_key, 40),
        way("a key that stays", "held", RETRIED, also(&goes_on), 35),
        way("a follower", "followed", DONE, also(&other_goes_on), 85),
        way(
            "a follower of one cancelled",
            "followed",
            CANCELLED,
            also(&other_goes_on),
            90,
        ),
        way("a line", "lined", DONE, also(&other_goes_on), 80),
        way("watchers", "watched", DONE, told, 70),
        way("a key to take again", "let_go", SNOOZED, has_key, 80),
        way("a twin in front", "twinned", SNOOZED, in_line, 110),
        late(way("a twin behind", "twinned", SNOOZED, in_front, 110)),
        way("a batch of all", "member", DONE, counted, 25),
        way(
            "a batch that is over",
            "last",
            DONE,
            also(&other_goes_on),
            80,
        ),
        way("a link", "link", DONE, other_goes_on, 80),
        way("a link that breaks", "link", DEAD, broken, 150),
        way("a partition", "ordered", DEAD, blocked, 40),
        way("batches of its own", "owner", RETRIED, abandoned, 60),
        signal(way(
            "a signal that came",
            "listening",
            WAITS,
            also(&goes_on),
            65,
        )),
        late(signal(way(
            "a signal to come",
            "listening",
            WAITS,
            also(&stays),
            45,
        ))),
        batch(way("a batch that was over", "waiting", WAITS, goes_on, 75)),
        late(batch(way("a batch to come", "waiting", WAITS, stays, 55))),
    ]
}

impl Way {
    /// So many jobs from the one of this number.
    fn of(&self, first: i32, jobs: i32) -> Hot {
        let numbers = first..first + jobs;
        let running = first_of(self.class);
        let ids: Vec<String> = numbers
            .clone()
            .map(|n| id(running + n).to_string())
            .collect();
        let waits: Vec<String> = numbers
            .map(|n| match self.waits_for {
                "" => "null".to_owned(),
                "batch:" => format!("\"batch:{}\"", id(running + 40_000 + n)),
                other => format!("\"{other}\""),
            })
            .collect();
        let all = |value: &str| format!("array_fill({value}, array[{jobs}])");
        let (state, outcome, delay) = self.end;
        let args = [
            "0".to_owned(),
            format!("'{{{}}}'", ids.join(",")),
            all("1"),
            all("7::bigint"),
            all(&format!("'{state}'::text")),
            all(&format!("'{outcome}'::text")),
            all(&format!("{delay}::bigint")),
            all("'x'::text"),
            all("'x'::text"),
            all("null::text"),
            format!("'{{{}}}'", waits.join(",")),
        ];
        Hot {
            args: args.join(", ").into(),
            ..SETTLE.clone()
        }
    }

    /// Fails unless settling so many jobs did what it should and touched what it may.
    async fn is_bounded(&self, conn: &mut PgConnection, jobs: u16, case: &str) {
        let case = format!("{}, {case}", self.name);
        let first = if self.late { 5_101 } else { 101 };
        let hot = self.of(first, i32::from(jobs));
        let then = format!(
            "select count(*) from crowd c where class = '{}' and n between {first} and {first} + 999 and {}",
            self.class, self.then
        );

        let done = plans::explain_once(conn, &hot).await;
        let (pages, settled) = plans::whole(conn, &hot, &then).await;

        assert_eq!(settled, i64::from(jobs), "{case}");
        done.reads_only(&["running_pkey"], &case);
        assert!(
            pages <= 20 + u64::from(jobs) * self.most,
            "{case}: {pages} pages for {jobs}, {} of them without triggers\n{}",
            done.pages,
            done.plan
        );
    }
}

#[tokio::test]
async fn what_settling_touches_follows_from_what_hangs_on_the_jobs_if_analysed_while_empty() {
    settling_is_bounded(&plans::MISLED[0]).await;
}

#[tokio::test]
async fn what_settling_touches_follows_from_what_hangs_on_the_jobs_if_analysed_when_all_was_due() {
    settling_is_bounded(&plans::MISLED[1]).await;
}

#[tokio::test]
async fn what_settling_touches_follows_from_what_hangs_on_the_jobs_if_analysed_when_none_was_due() {
    settling_is_bounded(&plans::MISLED[2]).await;
}

async fn settling_is_bounded(told: &plans::Told) {
    let db = Database::new().await;
    gather(&db, CLASSES).await;
    plans::fill_with(&db, told, async || put(&db, 1, EACH).await).await;
    // A worker's session, and one of an application that settles in a transaction of its own.
    let first = ways()[0].of(1, 1);
    let mut worker = plans::session(&db, &first).await;
    let mut own = plans::session_with(&db, &[], &first).await;

    for one in ways() {
        one.is_bounded(&mut worker, 1, told.name).await;
        one.is_bounded(&mut worker, 200, told.name).await;
        let case = format!("{}, in its own transaction", told.name);
        one.is_bounded(&mut own, 1, &case).await;
    }
}

/// Functions keep the plans of their statements for as long as the session lasts, as the statement that calls them does.
#[tokio::test]
async fn plans_that_were_made_while_few_things_hung_on_jobs_are_good_when_many_do() {
    let db = Database::new().await;
    without_autovacuum(&db).await;
    gather(&db, CLASSES).await;
    put(&db, 1, FEW).await;
    // The planner knows that they are few.
    meddle(&db, "vacuum analyze").await;
    let mut conn = plans::session(&db, &ways()[0].of(1, FEW)).await;
    for one in ways() {
        plans::explain_in(&mut conn, &one.of(1, FEW)).await;
    }
    plans::fill_rows(&db).await;
    put(&db, FEW + 1, EACH).await;

    for one in ways() {
        for jobs in [1, 200] {
            one.is_bounded(&mut conn, jobs, "planned when there were few")
                .await;
        }
    }
}
