//! Measurements at the command line: each is taken, and leaves nothing behind.

use super::{database, ended, json, lockstep};

#[tokio::test]
async fn the_api_is_measured_and_what_that_enqueued_is_gone() {
    let database = database().await;
    let few = ["--clients", "10", "--every-ms", "100", "--seconds", "1"];
    let args = [["bench", "api"].as_slice(), &few, &["-o", "json"]].concat();

    let (code, served) = json(lockstep(&database, &args)).await;

    assert_eq!(code, 0, "{served}");
    let count = |field: &str| -> Vec<u64> {
        let rows = served.as_array().expect("rows");
        rows.iter().filter_map(|row| row[field].as_u64()).collect()
    };
    // Ten clients, ten turns each: three lists to a job and to a new one.
    assert_eq!(count("answers"), [60, 20, 20], "{served}");
    assert_eq!(count("refused"), [0, 0, 0], "{served}");
    let (jobs, tokens): (i64, i64) = sqlx::query_as(
        "select (select count(*) from engine.job), (select count(*) from engine.token where revoked_at is null)",
    )
    .fetch_one(database.pool())
    .await
    .expect("counts");
    assert_eq!((jobs, tokens), (0, 0));
}

/// What is shown of a measurement, which leaves no job behind.
async fn measured(args: &[&str]) -> Vec<serde_json::Value> {
    let database = database().await;

    let (code, rows) = json(lockstep(&database, &[args, &["-o", "json"]].concat())).await;

    assert_eq!(code, 0, "{args:?}: {rows}");
    let left: i64 = sqlx::query_scalar("select count(*) from engine.job")
        .fetch_one(database.pool())
        .await
        .expect("a count");
    assert_eq!(left, 0, "{args:?} leaves nothing");
    rows.as_array().expect("rows").clone()
}

#[tokio::test]
async fn drains_of_all_kinds_are_measured() {
    for (args, cells) in [
        (["drain", "--jobs", "300"].as_slice(), 1),
        (&["drain", "--jobs", "300", "--fail-once"], 1),
        (&["deep", "--pending", "2000", "--jobs", "100"], 1),
        (&["limits", "--jobs", "200", "--rounds", "1"], 6),
    ] {
        let rows = measured(&[&["bench"], args].concat()).await;

        let speeds = rows
            .iter()
            .filter_map(|row| row["jobs_per_second"].as_f64())
            .filter(|speed| *speed > 0.0);
        assert_eq!(speeds.count(), cells, "{args:?}: {rows:?}");
    }
}

#[tokio::test]
async fn jobs_of_a_killed_process_run_again_and_how_long_that_took_is_told() {
    let rows = measured(&["bench", "crash", "--jobs", "20"]).await;

    let after = rows[0]["p50_ms"].as_f64().expect("milliseconds");
    // Not before their leases end, which the last heartbeat began.
    assert!(after > 5_000.0, "{rows:?}");
}

#[tokio::test]
async fn every_hostile_cell_is_measured_also_by_processes() {
    let database = database().await;
    let few = "bench hostile --jobs 400 --finished 500 --future 100 --under-snapshot 1 -o json";
    let args: Vec<&str> = few.split_whitespace().collect();

    let (code, rows) = json(lockstep(&database, &args)).await;

    assert_eq!(code, 0, "{rows}");
    let cells: Vec<_> = rows
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| {
            row["jobs_per_second"]
                .as_f64()
                .is_some_and(|speed| speed > 0.0)
        })
        .map(|row| row["cell"].as_str().expect("a cell"))
        .collect();
    assert_eq!(
        cells,
        [
            "plain",
            "one process",
            "four processes",
            "args of 256 bytes",
            "args of 4096 bytes",
            "args of 65536 bytes",
            "two serial keys",
            "under a snapshot",
            "beside history and future",
            "plain again",
        ]
    );
    // All were carried out, by whomever; of the serial ones those that nobody waited for were cancelled.
    let left: i64 = sqlx::query_scalar(
        "select count(*) from engine.job where kind in ('bench.noop', 'bench.serial')",
    )
    .fetch_one(database.pool())
    .await
    .expect("a count");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn reading_is_measured_against_tables_that_have_what_each_list_shows() {
    let database = database().await;
    let few = "bench read --seed --rounds 1 --finished 3000 --dead 100 --future 100 --audit 10000 \
         --companies 200 --runs 20000 -o json";
    let args: Vec<&str> = few.split_whitespace().collect();

    let (code, rows) = json(lockstep(&database, &args)).await;

    assert_eq!(code, 0, "{rows}");
    let rows = rows.as_array().expect("rows");
    let shown = |read: &str| {
        let row = rows.iter().find(|row| row["read"] == read);
        row.unwrap_or_else(|| panic!("{read} is read"))["rows"].as_u64()
    };
    for (read, most) in [
        ("jobs", 50),
        ("jobs state:dead", 50),
        ("attempts of a job", 8),
        ("steps of a job", 50),
        ("audit trail", 50),
        ("workers", 50),
        ("breakers", 100),
        ("budgets", 100),
        ("zones", 50),
        ("runs", 50),
        ("runs that failed", 50),
        ("quarantine", 50),
        ("quarantine that is open", 2),
        ("held sweeps", 50),
        ("history of a record", 50),
        ("products", 50),
        ("products of a SKU", 1),
        ("profiles", 50),
        ("reviews that are open", 4),
        ("records", 50),
        ("records that failed", 4),
        ("operations of a record", 5),
        ("conflicts", 50),
        ("conflicts that wait", 10),
        ("journal of a record", 1),
        ("versions of a mapping", 50),
    ] {
        assert_eq!(shown(read), Some(most), "{read}");
    }
}

#[tokio::test]
async fn what_cannot_be_measured_says_why() {
    let database = database().await;
    for (args, why) in [
        (
            ["bench", "deep", "--pending", "100", "--jobs", "50"].as_slice(),
            "more than a quarter",
        ),
        (
            &["bench", "idle", "--processes", "1", "--seconds", "1"],
            "pg_stat_statements",
        ),
    ] {
        let (code, _, stderr) = ended(lockstep(&database, args)).await;

        assert_ne!(code, 0, "{args:?}");
        assert!(stderr.contains(why), "{args:?}: {stderr}");
    }
}
