//! `lockstep sync soundtrack`: the brief's verb, on a simulated Soundtrack.

use assert_cmd::Command;
use engine::testing::Database;
use jobs::company::NewCompany;
use sim::soundtrack::{Change, Config, Fault, FaultKind, Simulator};

use crate::cli::{company, database, ended, json, lockstep};

/// Three companies with five zones each, and one without an account.
async fn world() -> (Database, Simulator) {
    let (database, simulator) = (
        database().await,
        Simulator::start(Config::default())
            .await
            .expect("simulator"),
    );
    for account in simulator.truth().accounts {
        let new = NewCompany {
            name: account.business_name,
            soundtrack_account_id: Some(account.id),
            ..NewCompany::default()
        };
        company(&database, &new).await;
    }
    let without = NewCompany {
        name: "Hilton Pattaya".into(),
        ..NewCompany::default()
    };
    company(&database, &without).await;
    (database, simulator)
}

fn sync(database: &Database, simulator: &Simulator, words: &[&str]) -> Command {
    let mut command = lockstep(
        database,
        &[["sync", "soundtrack"].as_slice(), words].concat(),
    );
    command.env("LOCKSTEP_SOUNDTRACK_BASE_URL", simulator.url());
    command.env("LOCKSTEP_SOUNDTRACK_TOKEN", simulator.token());
    command.env("LOCKSTEP_CONNECTIONS_LOOPBACK", "true");
    command
}

#[tokio::test]
async fn without_a_worker_the_command_runs_the_jobs_itself() {
    let (database, simulator) = world().await;

    let (code, out, err) = ended(sync(&database, &simulator, &[])).await;

    assert_eq!(code, 0, "{err}");
    let said = "Synced 15 zones with 0 errors: 3 companies (1 without an account skipped), 15 new, 0 changed, 0 orphaned.\n";
    assert_eq!(out, said);
    assert!(
        err.contains("No worker is alive: this command runs the jobs itself."),
        "{err}"
    );
}

#[tokio::test]
async fn one_companys_failure_stops_no_other_and_is_told() {
    let (database, simulator) = world().await;
    let first = simulator.truth().accounts[0].id.clone();
    simulator.inject(Fault::new(FaultKind::Forbidden).on_account(first));

    let (code, out, err) = ended(sync(&database, &simulator, &[])).await;

    assert_eq!(code, 8, "{err}");
    assert!(
        out.starts_with("Synced 10 zones with 1 error: 3 companies"),
        "{out}"
    );
    assert!(err.contains("✗ Company 1 failed: forbidden"), "{err}");
    assert!(err.contains("lockstep dead list"), "{err}");
}

#[tokio::test]
async fn one_company_is_synced_by_its_id() {
    let (database, simulator) = world().await;
    let name = simulator.truth().accounts[1].business_name.clone();

    let (code, out, _) = ended(sync(&database, &simulator, &["--company-id", "2"])).await;
    let (_, result) = json(sync(
        &database,
        &simulator,
        &["--company-id", "2", "-o", "json"],
    ))
    .await;

    assert_eq!(code, 0);
    assert_eq!(
        out,
        format!("Synced 5 zones for {name} with 0 errors: 5 new, 0 changed, 0 orphaned.\n")
    );
    assert_eq!(
        (&result["synced"], &result["unchanged"]),
        (&5.into(), &5.into())
    );
}

#[tokio::test]
async fn a_dry_run_tells_counts_and_every_difference_and_writes_nothing() {
    let (database, simulator) = world().await;
    ended(sync(&database, &simulator, &["--company-id", "2"])).await;
    let zone = simulator.truth().accounts[1].zones[0].clone();
    let rename = Change::RenameZone {
        zone: zone.id.clone(),
        name: "Lobby".into(),
    };
    simulator.change(rename).expect("renamed");
    let written = "select coalesce(string_agg(xmin::text || id, ' ' order by id), '') || (select count(*) from sync.run) \
         || (select count(*) from engine.job) from sync.zone";
    let written = async || -> String {
        let all = sqlx::query_scalar(written).fetch_one(database.pool());
        all.await.expect("a sum")
    };
    let before = written().await;

    let (code, out, err) = ended(sync(&database, &simulator, &["--dry-run"])).await;

    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains(
            "Would create 5, change 0, revive 0 and leave 0 of soundtrack.zones company:1"
        ),
        "{out}"
    );
    assert!(
        out.contains(
            "Would create 0, change 1, revive 0 and leave 4 of soundtrack.zones company:2"
        ),
        "{out}"
    );
    assert!(
        out.contains(&format!("name {} → Lobby", zone.name)),
        "{out}"
    );
    assert_eq!(written().await, before);
}

#[tokio::test]
async fn a_failed_sync_of_one_company_says_why() {
    let (database, simulator) = world().await;
    let first = simulator.truth().accounts[0].id.clone();
    simulator.inject(Fault::new(FaultKind::Forbidden).on_account(first));

    let (code, out, err) = ended(sync(&database, &simulator, &["--company-id", "1"])).await;

    assert_eq!((code, out.as_str()), (10, ""), "{err}");
    assert!(err.contains("the sync failed: its job is dead"), "{err}");
    assert!(err.contains("the credential is not allowed"), "{err}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_at_once_and_its_jobs_are_kept() {
    let (database, simulator) = world().await;
    simulator.revoke(simulator.token());

    let (code, out, err) = ended(sync(&database, &simulator, &[])).await;
    let (again, _, later) = ended(sync(&database, &simulator, &["--test-connection"])).await;

    assert_eq!((code, out.as_str()), (5, ""), "{err}");
    let said = "the sync waits: soundtrack/default needs another credential";
    assert!(err.contains(said), "{err}");
    assert!(
        err.contains("lockstep connection reauthorise soundtrack/default"),
        "{err}"
    );
    assert_eq!(again, 5, "{later}");
    let dead: i64 = sqlx::query_scalar("select count(*) from engine.ended where state = 'dead'")
        .fetch_one(database.pool())
        .await
        .expect("a count");
    assert_eq!(dead, 0);
}

#[tokio::test]
async fn a_test_of_the_connection_tells_what_the_token_sees() {
    let (database, simulator) = world().await;

    let (code, out, err) = ended(sync(&database, &simulator, &["--test-connection"])).await;
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("Soundtrack answers: the token is a PublicAPIClient and sees 3 accounts"),
        "{out}"
    );

    simulator.revoke(simulator.token());
    let (code, _, err) = ended(sync(&database, &simulator, &["--test-connection"])).await;
    assert_eq!(code, 5, "{err}");
}

#[tokio::test]
async fn a_sync_that_nobody_waits_for_is_kept() {
    let (database, simulator) = world().await;

    let (code, out, err) = ended(sync(&database, &simulator, &["--no-wait", "-o", "name"])).await;

    assert_eq!(code, 0, "{err}");
    let id = out.trim().parse().expect("a job's id");
    assert_eq!(
        database
            .client()
            .job(id)
            .await
            .expect("job")
            .expect("job")
            .kind,
        "soundtrack.sync_all"
    );
    assert!(err.contains("No worker is alive"), "{err}");
}
