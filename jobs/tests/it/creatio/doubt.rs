//! Doubt: a write of which no answer came is looked at before anything is sent again (R10), wherever the worker dies.

use futures::StreamExt as _;
use jobs::creatio::{Counts, Sort, Status, reconcile_of};
use serde_json::json;
use sim::creatio::DuplicateId;
use sim::wire::{Fault, Kind};

use super::support::{CREATIO, House, lead};
use crate::support::PATIENCE;

/// A house whose Creatio is known to keep the ids that we choose.
async fn known() -> House {
    let house = House::empty().await;
    let worker = house.worker();
    house.insert("lead", lead(0)).await;
    house.reconciled().await;
    worker.stop().await;
    house
}

async fn settles(house: &House, leads: usize) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let left = "select (select count(*) from sync.dirty) + \
                (select count(*) from sync.intent where state not in ('acked', 'rejected'))";
    let mut still = 0;
    // A job whose worker died has its rows until it is taken over.
    while still < 2 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{}",
            house.story().await
        );
        house.a_while_later().await;
        match house.synced().await == Counts::default() && house.count(left).await == 0 {
            true => still += 1,
            false => still = 0,
        }
    }
    assert_eq!(house.vendor.count("Lead"), leads, "{}", house.story().await);
    house.assert_quiet().await;
}

#[tokio::test]
async fn a_create_that_was_not_answered_never_makes_a_second_lead() {
    let faults = [
        Kind::StatusAfter { status: 504 },
        Kind::CutReply { after_bytes: 20 },
        Kind::EmptyBody,
        Kind::MalformedJson,
        Kind::ShortBatch { keep: 0 },
        Kind::Status {
            status: 503,
            retry_after: None,
            body: None,
        },
    ];
    let one = async |kind: Kind| {
        let shown = format!("{kind:?}");
        let house = known().await;
        let _worker = house.successor();
        house
            .vendor
            .inject(Fault::new(kind).on_path("$batch").times(1));
        let id = house.insert("lead", lead(1)).await;
        house.reconciled().await;
        assert_eq!(house.vendor.faults()[0].fired, 1, "{shown}");

        settles(&house, 2).await;

        assert_eq!(
            house.record(Sort::Lead, id).await.status,
            Status::Success,
            "{shown}"
        );
    };
    futures::stream::iter(faults)
        .map(one)
        .buffer_unordered(3)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn what_people_change_in_a_record_whose_create_was_not_answered_is_their_edit() {
    let house = known().await;
    let _worker = house.worker();
    let fault = Fault::new(Kind::StatusAfter { status: 504 });
    house.vendor.inject(fault.on_path("$batch").times(1));
    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    let made = house.record(Sort::Lead, id).await.remote_id.unwrap();

    house.set("Lead", made, json!({"Contact": "Eve"}));
    settles(&house, 2).await;

    assert_eq!(house.row("lead", id).await["contact_name"], "Eve");
    assert_eq!(house.there(Sort::Lead, id).await["Contact"], "Eve");
}

#[tokio::test]
async fn a_record_that_was_found_to_be_made_can_be_found_to_be_deleted() {
    let house = known().await;
    let worker = house.worker();
    let fault = Fault::new(Kind::StatusAfter { status: 504 });
    house.vendor.inject(fault.on_path("$batch").times(1));
    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    house.a_while_later().await;
    // It is found, which is noted; and everything ends before that is acted on.
    house
        .sql(
            "create function public.end_here() returns trigger language plpgsql as $$ begin \
                 raise exception 'it ends here' using errcode = '57P01'; end $$; \
             create trigger end_here before delete on sync.dirty for each row execute function public.end_here()",
        )
        .await;
    house.run(reconcile_of(CREATIO, "test")).await;
    worker.stop().await;
    let record = house.record(Sort::Lead, id).await;
    assert_eq!(record.state, "active", "{}", house.story().await);

    house.remove("Lead", record.remote_id.unwrap());
    house.sql("drop trigger end_here on sync.dirty").await;
    let _worker = house.worker();
    settles(&house, 1).await;

    assert_ne!(house.row("lead", id).await["deleted_at"], json!(null));
}

#[tokio::test]
async fn a_change_that_was_not_answered_arrives_once() {
    for kind in [
        Kind::StatusAfter { status: 504 },
        Kind::ShortBatch { keep: 0 },
    ] {
        let house = known().await;
        let _worker = house.worker();
        let id = house.insert("lead", lead(1)).await;
        house.reconciled().await;
        let writes = house.writes();
        house
            .vendor
            .inject(Fault::new(kind).on_path("$batch").after(1).times(1));

        house
            .edit("lead", id, json!({"company": "Grand Inn"}))
            .await;
        house.reconciled().await;
        settles(&house, 2).await;

        assert_eq!(house.there(Sort::Lead, id).await["Account"], "Grand Inn");
        assert_eq!(house.row("lead", id).await["company"], "Grand Inn");
        assert_eq!(house.writes(), writes + 1, "it was sent once");
    }
}

#[tokio::test]
async fn whatever_a_second_create_is_answered_it_is_found() {
    for status in [
        DuplicateId::Http400,
        DuplicateId::Http409,
        DuplicateId::Http500,
    ] {
        let house = House::switched(|switches| {
            switches.duplicate_id = status;
            switches.visible_after_ms = 2_000;
        })
        .await;
        let _worker = house.worker();
        house.insert("lead", lead(0)).await;
        house.reconciled().await;
        house.vendor.inject(
            Fault::new(Kind::StatusAfter { status: 504 })
                .on_path("$batch")
                .times(1),
        );

        let id = house.insert("lead", lead(1)).await;
        house.reconciled().await;
        // Readers do not see it yet, and so it is sent once more.
        house.a_while_later().await;
        house.reconciled().await;
        house.vendor.advance(std::time::Duration::from_secs(10));
        settles(&house, 2).await;

        assert_eq!(
            house.record(Sort::Lead, id).await.status,
            Status::Success,
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn a_vendor_that_chooses_ids_itself_gets_no_second_lead_either() {
    let house = House::switched(|switches| switches.accepts_chosen_ids = false).await;
    let _worker = house.worker();
    let first = house.insert("lead", lead(0)).await;
    house.reconciled().await;
    let record = house.record(Sort::Lead, first).await;
    assert_eq!(
        record.status,
        Status::Success,
        "{record:?}\n{}",
        house.story().await
    );
    house.vendor.inject(
        Fault::new(Kind::StatusAfter { status: 504 })
            .on_path("$batch")
            .times(1),
    );

    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    settles(&house, 2).await;

    assert_eq!(house.there(Sort::Lead, id).await["Contact"], "Ann 1");
    assert_eq!(house.rows("lead").await.len(), 2);
}

#[tokio::test]
async fn a_lead_of_the_far_future_hides_no_create_that_was_not_answered() {
    let house = House::switched(|switches| switches.accepts_chosen_ids = false).await;
    let _worker = house.worker();
    house.insert("lead", lead(0)).await;
    house.reconciled().await;
    let ahead = json!({"Contact": "Ahead", "ModifiedOn": "2999-01-01T00:00:00Z"});
    house.add("Lead", ahead);
    house.synced().await;
    let lost = Fault::new(Kind::StatusAfter { status: 504 });
    house.vendor.inject(lost.on_path("$batch").times(1));

    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    settles(&house, 3).await;

    let record = house.record(Sort::Lead, id).await;
    assert_eq!(record.status, Status::Success, "{record:?}");
    assert_eq!(house.there(Sort::Lead, id).await["Contact"], "Ann 1");
}

#[tokio::test]
async fn a_create_that_cannot_be_found_is_a_persons_to_say() {
    let house = House::switched(|switches| switches.accepts_chosen_ids = false).await;
    let _worker = house.worker();
    house.insert("lead", lead(0)).await;
    house.reconciled().await;
    // It had no effect, and nobody can know.
    house
        .vendor
        .inject(Fault::status(503).on_path("$batch").times(1));
    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    house.a_while_later().await;
    house.reconciled().await;
    let record = house.record(Sort::Lead, id).await;
    assert_eq!(
        record.status,
        Status::ManualReview,
        "{}",
        house.story().await
    );
    assert_eq!(record.code.as_deref(), Some("create_unknown"));

    let mut tx = house.env.pool.begin().await.unwrap();
    jobs::creatio::record::separate(&mut tx, record.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    settles(&house, 2).await;
}

/// Takes back the `nth` transaction that writes a table, at its very commit, and kills the worker.
async fn killed_at_commit(table: &'static str, nth: i64) {
    let shown = format!("taken back at commit {nth} of {table}");
    let house = known().await;
    let edited = {
        let worker = house.worker();
        let id = house.insert("lead", lead(1)).await;
        house.synced().await;
        worker.stop().await;
        id
    };
    house
        .edit("lead", edited, json!({"company": "Grand Inn"}))
        .await;
    let remote_id = house.record(Sort::Lead, edited).await.remote_id.unwrap();
    house.set("Lead", remote_id, json!({"Commentary": "theirs"}));
    let made = house.insert("lead", lead(2)).await;
    let theirs = house.add(
        "Lead",
        json!({"Contact": "Eve", "Email": "eve@inn.example"}),
    );
    let sql = format!(
        "create sequence public.commits; \
         create function public.kill() returns trigger language plpgsql as $$ begin \
             if nextval('public.commits') = {nth} then raise exception 'killed' using errcode = '57P01'; end if; \
             return null; end $$; \
         create constraint trigger kill after insert or update or delete on {table} deferrable initially deferred \
             for each row execute function public.kill();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&house.env.pool)
        .await
        .unwrap();
    let first = house.successor();
    house
        .enqueue(jobs::creatio::observe_of(CREATIO, Sort::Lead, true, "test"))
        .await;
    house.enqueue(reconcile_of(CREATIO, "test")).await;
    let struck = async || {
        let rows: Option<i64> =
            sqlx::query_scalar("select last_value from public.commits where is_called")
                .fetch_optional(&house.env.pool)
                .await
                .unwrap();
        rows.unwrap_or(0) >= nth
    };
    super::support::until("a commit is taken back", struck).await;
    drop(first);
    let _second = house.successor();

    settles(&house, 4).await;

    assert_eq!(
        house.there(Sort::Lead, edited).await["Account"],
        "Grand Inn",
        "{shown}"
    );
    assert_eq!(
        house.row("lead", edited).await["commentary"],
        "theirs",
        "{shown}"
    );
    assert_eq!(
        house.there(Sort::Lead, made).await["Contact"],
        "Ann 2",
        "{shown}"
    );
    let here = house.here(Sort::Lead, &theirs).await;
    assert_eq!(
        house.row("lead", here).await["contact_name"],
        "Eve",
        "{shown}"
    );
    assert_eq!(house.rows("lead").await.len(), 4, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_commit_of_a_sync_loses_and_repeats_nothing() {
    // The rows' lease, intents planned, sent and acked, links begun and left, records here.
    let cases = [
        ("sync.intent", 1..=4_i64),
        ("sync.link", 1..=4),
        ("sync.dirty", 1..=6),
        ("sync.lead", 1..=2),
        ("sync.operation", 1..=2),
    ];
    let cases = cases
        .into_iter()
        .flat_map(|(table, all)| all.map(move |nth| (table, nth)));

    futures::stream::iter(cases)
        .for_each_concurrent(4, |(table, nth)| killed_at_commit(table, nth))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_creatio_answers_is_followed_by_one_that_looks() {
    let one = async |(call, kind)| {
        let house = known().await;
        let id = house.insert("lead", lead(1)).await;
        house
            .vendor
            .inject(Fault::new(kind).on_path("$batch").after(call).times(1));
        let first = house.worker();
        let mut job = house.enqueue(reconcile_of(CREATIO, "test")).await;
        if call == 1 {
            house.end_of(job).await;
            house
                .edit("lead", id, json!({"company": "Grand Inn"}))
                .await;
            job = house.enqueue(reconcile_of(CREATIO, "test")).await;
        }
        super::support::until("a fault strikes", async || {
            house.vendor.faults()[0].fired > 0
        })
        .await;
        drop(first);
        let _second = house.successor();
        house.end_of(job).await;

        settles(&house, 2).await;

        assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
    };
    futures::future::join_all([
        one((0, Kind::Slow { delay_ms: 600_000 })),
        one((1, Kind::Slow { delay_ms: 600_000 })),
        one((0, Kind::Silence)),
    ])
    .await;
}

#[tokio::test]
async fn what_people_write_there_long_after_the_look_is_not_written_over_unseen() {
    let house = known().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;
    house.reconciled().await;
    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    house
        .edit("lead", id, json!({"company": "Grand Inn"}))
        .await;
    let mut holds = house.env.pool.begin().await.unwrap();
    sqlx::query("lock table sync.intent in share row exclusive mode")
        .execute(&mut *holds)
        .await
        .unwrap();
    let job = house.enqueue(reconcile_of(CREATIO, "test")).await;
    let waits = "select count(*) from pg_locks where not granted and relation = 'sync.intent'::regclass \
         and database = (select oid from pg_database where datname = current_database())";
    super::support::until("an intent waits to be noted", async || {
        house.count(waits).await > 0
    })
    .await;

    house.set("Lead", remote_id, json!({"Account": "Their Inn"}));
    // No fact is waited for: a look of this age is too old.
    tokio::time::sleep(std::time::Duration::from_millis(5_200)).await;
    holds.rollback().await.unwrap();
    house.end_of(job).await;
    settles(&house, 2).await;

    let noted = "select count(*) from ( \
            select to_jsonb(j)::text from sync.journal j union all select to_jsonb(c)::text from sync.conflict c \
        ) as told (t) where t like '%Their Inn%'";
    let is_here = house.row("lead", id).await["company"] == "Their Inn";
    assert!(
        is_here || house.count(noted).await > 0,
        "{}",
        house.story().await
    );
}
