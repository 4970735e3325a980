//! `packages.sync_profile`: one profile, whatever the CRM does meanwhile.

use engine::{Answer, State};
use serde_json::json;
use sim::supabase::Change;
use sim::wire::{Fault, Kind};

use super::{House, SHOP, adas};
use crate::connection::until;

#[tokio::test]
async fn a_profile_is_found_however_its_number_is_written_and_hours_are_exact() {
    let house = House::new().await;

    let (profile, customer) = house.ada().await;

    assert_eq!(house.hours(profile).await, adas());
    assert_eq!(house.customer_of(profile).await, Some(customer.id));
    let all = jobs::packages::available(&house.env.pool, profile)
        .await
        .unwrap();
    assert_eq!(all[0].expires_on.as_deref(), Some("2027-01-31"));
    assert_eq!(
        all[0].purchased_on.as_deref(),
        Some("2026-10-02"),
        "at the shop"
    );
    let _worker = house.worker();
    let again = house.synced(profile).await.changes;
    assert_eq!((again.packages, again.created, again.updated), (2, 0, 0));
}

#[tokio::test]
async fn r15_a_rename_and_another_number_keep_customer_and_packages() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let hash = connectors::supabase::stable_hash("Ada Bunker", "0899999999");
    let set = json!({"customer_name": "Ada Bunker", "contact_number": "0899999999", "stable_hash_id": hash});
    house.change("customers", &customer.id, set);
    for id in ["1", "2"] {
        house.change("package_rows", id, json!({"stable_hash_id": hash}));
    }
    house.change(
        "package_rows",
        "1",
        json!({"calculated_remaining_hours": "9.5"}),
    );
    let _worker = house.worker();

    let changes = house.synced(profile).await.changes;

    assert_eq!(
        (changes.packages, changes.created, changes.updated),
        (2, 0, 1)
    );
    assert_eq!(changes.missing, 0);
    assert_eq!(house.customer_of(profile).await, Some(customer.id));
    assert_eq!(house.hours(profile).await[0].1.as_deref(), Some("9.5"));
}

#[tokio::test]
async fn r15_a_crm_that_was_loaded_anew_with_other_ids_is_matched_again_and_keeps_packages() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let (table, id) = ("customers".to_owned(), customer.id);
    house.crm.change(Change::DeleteRow { table, id }).unwrap();
    let anew = house.customer("Ada Fairway", "0812345678", "ada@example.com");
    let _worker = house.worker();

    let changes = house.synced(profile).await.changes;

    assert_eq!(house.customer_of(profile).await, Some(anew.id));
    assert_eq!(
        (changes.packages, changes.created, changes.updated),
        (2, 0, 0)
    );
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test]
async fn r1_no_error_and_no_empty_answer_without_proof_takes_a_package_away() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    let _worker = house.worker();
    for fault in [
        Fault::status(500).on_path("rpc"),
        Fault::json(
            500,
            json!({"code": "57014", "message": "canceling statement due to statement timeout"}),
        )
        .on_path("rpc"),
        Fault::json(
            404,
            json!({"code": "PGRST202", "message": "Could not find the function"}),
        )
        .on_path("rpc"),
        Fault::new(Kind::Html).on_path("rpc"),
        Fault::new(Kind::EmptyBody).on_path("rpc"),
        Fault::new(Kind::MalformedJson).on_path("rpc"),
    ] {
        house.crm.inject(fault.clone());

        let job = house.end_of(house.sync_now(profile)).await;

        assert_eq!(job.state, State::Dead, "{fault:?}");
        assert_eq!(house.hours(profile).await, adas(), "{fault:?}");
        house.crm.clear_faults();
        house.sql("delete from engine.breaker").await;
    }
    // The loader has emptied both tables: nobody is to be seen, so that nothing is proven.
    for table in ["customers", "package_rows"] {
        let table = table.to_owned();
        house.crm.change(Change::EmptyTable { table }).unwrap();
    }
    let job = house.end_of(house.sync_now(profile)).await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("unproven"))
    );
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test]
async fn r1_what_whole_answers_do_not_name_is_gone_only_ten_minutes_later_and_comes_back() {
    let house = House::new().await;
    let (profile, customer) = house.ada().await;
    let _worker = house.worker();
    let (table, id) = ("package_rows".to_owned(), "1".to_owned());
    house.crm.change(Change::DeleteRow { table, id }).unwrap();

    let first = house.synced(profile).await.changes;
    let soon = house.synced(profile).await.changes;
    assert_eq!(
        (first.missing, first.gone, soon.missing, soon.gone),
        (1, 0, 0, 0)
    );
    assert_eq!(house.hours(profile).await, adas());
    house.sql("update sync.package set missing_since = missing_since - interval '11 minutes' where missing_since is not null").await;
    let later = house.synced(profile).await.changes;

    assert_eq!((later.missing, later.gone), (0, 1));
    assert_eq!(house.hours(profile).await, adas()[1..]);
    house.package(&customer.hash, 1, "10");
    let back = house.synced(profile).await.changes;
    assert_eq!((back.created, back.updated), (0, 1));
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_worker_that_dies_between_any_two_statements_leaves_all_packages_or_the_new_ones() {
    // The halt is before the named write; what is halted dies with its connection.
    for (table, when) in [
        ("sync.customer_link", "update"),
        ("sync.package", "insert or update"),
        ("sync.history", "insert"),
        ("engine.running", "delete"),
    ] {
        let house = House::new().await;
        let (profile, _) = house.ada().await;
        house.change(
            "package_rows",
            "1",
            json!({"calculated_remaining_hours": "1"}),
        );
        house.change(
            "package_rows",
            "2",
            json!({"calculated_remaining_hours": "2"}),
        );
        let mut halt = house.env.pool.begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock(9)")
            .execute(&mut *halt)
            .await
            .unwrap();
        let sql = format!(
            "create function halt() returns trigger language plpgsql as $$ \
             begin perform pg_advisory_xact_lock(9); return case tg_op when 'DELETE' then old else new end; end $$; \
             create trigger halt before {when} on {table} for each row execute function halt()"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&house.env.pool)
            .await
            .unwrap();
        let worker = house.worker();
        let enqueued = house
            .engine()
            .enqueue(house.sync_now(profile))
            .await
            .unwrap();
        until("it stands still", async || {
            let waiting: i64 = sqlx::query_scalar("select count(*) from pg_locks where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database())")
                .fetch_one(&house.env.pool).await.unwrap();
            waiting > 0
        })
        .await;

        assert_eq!(house.hours(profile).await, adas(), "{table}");
        drop(worker);
        sqlx::query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database())")
            .execute(&mut *halt)
            .await
            .unwrap();
        halt.rollback().await.unwrap();
        let sql = format!("drop trigger halt on {table}; drop function halt");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&house.env.pool)
            .await
            .unwrap();
        let _next = house.worker();

        let state = house
            .engine()
            .wait(enqueued.id, crate::support::PATIENCE)
            .await
            .unwrap();
        assert_eq!(state, State::Completed, "{table}");
        let hours: Vec<_> = house
            .hours(profile)
            .await
            .into_iter()
            .map(|one| one.1.unwrap())
            .collect();
        assert_eq!(hours, ["1", "2"], "{table}");
    }
}

#[tokio::test]
async fn a_fault_of_any_sort_at_any_call_only_delays_the_packages() {
    // Number, address, hash, packages.
    futures::future::join_all((0..4).map(delayed_at)).await;
}

async fn delayed_at(call: u32) {
    let house = House::new().await;
    let customer = house.customer("Ada Fairway", "0812345678", "ada@example.com");
    house.package(&customer.hash, 1, "10");
    house.package(&customer.hash, 2, "12.345");
    let _worker = house.worker();
    let faults = [
        Fault::status(500),
        Fault::status(502),
        Fault::status(503),
        Fault::new(Kind::CutReply { after_bytes: 5 }),
        Fault::json(429, json!({"message": "slow down"})),
    ];
    for fault in faults {
        let profile = house
            .profile("Ada Fairway", "0812345678", "ada@example.com")
            .await;
        house.sql("delete from sync.customer_link; delete from engine.breaker; update engine.budget set blocked_until = null").await;
        house.crm.inject(fault.clone().after(call).times(1));

        let summary = house.synced(profile).await;

        assert_eq!(summary.status, "synced", "{call} {fault:?}");
        assert_eq!(house.hours(profile).await, adas(), "{call} {fault:?}");
        house.crm.clear_faults();
    }
}

#[tokio::test]
async fn a_login_waits_for_no_remote_and_one_minute_is_one_sync() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house.crm.inject(Fault::new(Kind::Silence));
    let _worker = house.worker();

    let asked = [house.at_login(profile).await, house.at_login(profile).await];
    let [first, twin] = asked.map(|job| house.engine().enqueue(job));
    let (first, twin) = (first.await.unwrap(), twin.await.unwrap());

    assert_eq!(first.answer, Answer::Inserted);
    assert_eq!(twin.id, first.id);
    let job = house.engine().job(first.id).await.unwrap().unwrap();
    assert!(!job.state.is_terminal());
    assert_eq!(
        house.hours(profile).await,
        adas(),
        "what was known is shown meanwhile"
    );
}

#[tokio::test]
async fn an_answer_that_is_older_than_what_is_stored_changes_nothing() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house
        .sql("update sync.customer_link set answered_at = now() + interval '50 years'")
        .await;
    house.change(
        "package_rows",
        "1",
        json!({"calculated_remaining_hours": "1"}),
    );
    let _worker = house.worker();

    let changes = house.synced(profile).await.changes;

    assert_eq!(changes, jobs::packages::Changes::default());
    assert_eq!(house.hours(profile).await, adas());
}

#[tokio::test]
async fn the_breaker_hears_of_single_profiles_too() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    house.crm.inject(Fault::status(503));
    let _worker = house.worker();

    for _ in 0..2 {
        house.end_of(house.sync_now(profile)).await;
    }

    let opened: bool = sqlx::query_scalar(
        "select exists (select from engine.breaker where connection = $1 and state <> 'closed')",
    )
    .bind(SHOP)
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    assert!(opened);
}

#[tokio::test]
async fn what_is_missing_is_looked_for_again_and_not_only_the_next_night() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    let (table, id) = ("package_rows".to_owned(), "2".to_owned());
    house.crm.change(Change::DeleteRow { table, id }).unwrap();
    let _worker = house.worker();

    let first = house.synced(profile).await.changes;
    let again: Vec<(String, bool)> = sqlx::query_as(
        "select j.args->>'profile_id', p.run_at > now() + interval '10 minutes' \
         from engine.job j join engine.pending p on p.id = j.id",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    house
        .sql("update sync.package set missing_since = missing_since - interval '11 minutes' where missing_since is not null")
        .await;
    let second = house.synced(profile).await.changes;

    assert_eq!((first.missing, first.gone), (1, 0));
    assert_eq!(again, [(profile.to_string(), true)]);
    assert_eq!((second.missing, second.gone), (0, 1));
    assert_eq!(house.hours(profile).await, adas()[..1]);
}
