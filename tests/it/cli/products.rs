//! Products, and what their syncs leave to people, at the command line.

use std::io::Write as _;

use assert_cmd::Command;
use engine::testing::Database;
use serde_json::Value;
use sim::zoho::{Change, Config, ItemPatch, Simulator};

use super::{database, ended, json, lockstep};

const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ZOHO: &str = "zoho/10234695";

/// A database, an authorised organisation, and a file that declares it.
struct World {
    database: Database,
    vendor: Simulator,
    file: std::path::PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl World {
    async fn of(items: u32) -> World {
        let config = Config {
            items,
            ..Config::default()
        };
        let (database, vendor) = tokio::join!(database(), Simulator::start(config));
        let vendor = vendor.expect("the vendor");
        let name = format!("products-{}-{items}.toml", std::process::id());
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let text = format!(
            "[connections]\nloopback = true\n[connections.\"{ZOHO}\"]\ndata_centre = \"us\"\nbase_url = \"{}\"\n",
            vendor.api_domain()
        );
        let mut open = std::fs::File::create(&file).expect("a file");
        open.write_all(text.as_bytes()).expect("written");
        let world = World {
            database,
            vendor,
            file,
        };
        let config = world.vendor.config();
        for (field, value) in [
            ("client_id", &config.client_id),
            ("client_secret", &config.client_secret),
            ("refresh_token", &config.refresh_token),
        ] {
            let mut set = world.say(&["credential", "set", ZOHO, field, "--from-stdin"]);
            set.write_stdin(value.as_bytes());
            let (code, _, err) = ended(set).await;
            assert_eq!(code, 0, "{err}");
        }
        world
    }

    fn say(&self, words: &[&str]) -> Command {
        let mut command = lockstep(&self.database, words);
        command.env("LOCKSTEP_CONFIG", &self.file);
        command.env("LOCKSTEP_CREDENTIALS_KEY", KEY);
        command
    }

    /// What a command answers as JSON; it must end with `code`.
    async fn told(&self, code: i32, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().chain(&["-o", "json"]).copied().collect();
        let (ended, told) = json(self.say(&words)).await;
        assert_eq!(ended, code, "{words:?}: {told}");
        told
    }

    fn change(&self, id: u64, rate: &str) {
        let patch = ItemPatch {
            rate: Some(rate.into()),
            ..ItemPatch::default()
        };
        let change = Change::ChangeItem { id, patch };
        self.vendor.change(change).expect("changed");
    }

    async fn audited(&self, action: &str) -> i64 {
        sqlx::query_scalar("select count(*) from engine.audit where action = $1")
            .bind(action)
            .fetch_one(self.database.pool())
            .await
            .expect("counted")
    }
}

#[tokio::test]
async fn a_sync_tells_its_result_and_a_dry_run_what_it_would_do() {
    let world = World::of(45).await;
    let item = world.vendor.items()[3].id;

    let first = world.told(0, &["sync", "zoho"]).await;
    world.change(item, "77.10");
    let plan = world.told(0, &["sync", "zoho", "--dry-run"]).await;
    let (code, words, err) = ended(world.say(&["sync", "zoho", "--dry-run"])).await;
    let id = item.to_string();
    let one = world.told(0, &["sync", "zoho", "--item", &id]).await;
    let history = world
        .told(0, &["record", "history", "zoho.products", &id])
        .await;
    let products = world.told(0, &["product", "list", "--limit", "2"]).await;

    assert_eq!(
        first,
        serde_json::json!({"total": 45, "created": 45, "updated": 0, "failed": 0, "errors": []})
    );
    assert_eq!(
        (plan["updated"].as_i64(), plan["created"].as_i64()),
        (Some(1), Some(0))
    );
    assert_eq!(plan["changes"][0]["key"], id);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        words.contains(&format!("updated     {id}  price ")),
        "{words}"
    );
    assert!(words.contains("Nothing was changed."), "{words}");
    assert_eq!(
        (one["total"].as_i64(), one["updated"].as_i64()),
        (Some(1), Some(1))
    );
    assert_eq!(history[0]["changes"]["price"][1], "77.1");
    assert_eq!(history[1]["event"], "created");
    assert_eq!(products.as_array().map(Vec::len), Some(2));
    assert_eq!(
        world.audited("sync.zoho").await,
        2,
        "a dry run leaves no row"
    );
}

#[tokio::test]
async fn a_dry_run_shows_what_it_can_of_many_organisations() {
    let world = World::of(3).await;
    let other = "[connections.\"zoho/1\"]\ndata_centre = \"us\"\n";
    let mut file = std::fs::OpenOptions::new().append(true).open(&world.file);
    let file = file.as_mut().expect("the settings");
    file.write_all(other.as_bytes()).expect("written");

    let (code, out, err) = ended(world.say(&["sync", "zoho", "--dry-run"])).await;

    assert_eq!(code, 8, "{err}");
    assert!(out.contains("Would create 3"), "{out}");
    assert!(err.contains("✗ zoho/1: "), "{err}");
}

#[tokio::test]
async fn a_grant_that_is_refused_is_told_at_once_and_its_job_is_kept() {
    let world = World::of(5).await;
    let mut set = world.say(&["credential", "set", ZOHO, "refresh_token", "--from-stdin"]);
    set.write_stdin("1000.revoked");
    ended(set).await;

    let began = std::time::Instant::now();
    let (code, out, err) = ended(world.say(&["sync", "zoho"])).await;
    let (again, _, later) = ended(world.say(&["sync", "zoho", "--connection", ZOHO])).await;

    assert_eq!((code, out.as_str()), (5, ""), "{err}");
    let said = format!("the sync waits: {ZOHO} needs another credential");
    assert!(err.contains(&said), "{err}");
    let fix = format!("lockstep connection reauthorise {ZOHO}");
    assert!(err.contains(&fix), "{err}");
    assert_eq!(again, 5, "{later}");
    // Their patience is half an hour.
    assert!(began.elapsed() < std::time::Duration::from_secs(120));
    let kept = world.told(0, &["job", "list"]).await;
    let states: Vec<&Value> = kept["data"]
        .as_array()
        .or(kept.as_array())
        .into_iter()
        .flatten()
        .map(|job| &job["state"])
        .collect();
    assert_eq!(states, ["available"], "the twin is the same job");
}

#[tokio::test]
async fn a_bad_item_is_shown_tried_again_and_ignored_with_a_reason() {
    let world = World::of(25).await;
    let item = world.vendor.items()[3].id;
    world.change(item, "\"odd\"");

    let partly = world.told(8, &["sync", "zoho"]).await;
    let list = world.told(0, &["quarantine", "list"]).await;
    let row = list[0]["id"].to_string();
    let show = world.told(0, &["quarantine", "show", &row]).await;
    let (unsaid, _, why) = ended(world.say(&["quarantine", "ignore", &row])).await;
    let ignore = ["quarantine", "ignore", &row, "--reason", "a test item"];
    let dry: Vec<&str> = ignore.iter().chain(&["--dry-run"]).copied().collect();
    world.told(0, &dry).await;
    let untouched = world.told(0, &["quarantine", "list"]).await;
    let retried = world.told(0, &["quarantine", "retry", &row]).await;
    let ignored = world.told(0, &ignore).await;
    let (again, ..) = ended(world.say(&ignore)).await;
    let none = world.told(0, &["quarantine", "list"]).await;

    assert_eq!(partly["failed"], 1);
    assert_eq!(show["raw"]["rate"], "odd");
    assert_eq!(unsaid, 2, "{why}");
    assert_eq!(untouched.as_array().map(Vec::len), Some(1));
    assert!(retried["job"].is_string());
    assert_eq!(ignored["status"], "ignored");
    assert_eq!(again, 4);
    assert_eq!(none.as_array().map(Vec::len), Some(0));
    assert_eq!(world.audited("quarantine.ignore").await, 1);
    assert_eq!(world.audited("quarantine.retry").await, 1);
}

#[tokio::test]
async fn a_held_sweep_waits_and_is_approved_by_a_person() {
    let world = World::of(30).await;
    world.told(0, &["sync", "zoho"]).await;
    for item in &world.vendor.items()[..12] {
        let change = Change::DeleteItem { id: item.id };
        world.vendor.change(change).expect("deleted");
    }
    world.told(0, &["sync", "zoho"]).await;

    let list = world.told(0, &["sweep", "list"]).await;
    let run = list[0]["run_id"].to_string();
    let (_, doctor, _) = ended(world.say(&["doctor"])).await;
    let (unsure, _, why) = ended(world.say(&["sweep", "approve", &run])).await;
    world
        .told(0, &["sweep", "approve", &run, "--dry-run"])
        .await;
    let gone = ["product", "list", "--gone"];
    let before = world.told(0, &gone).await;
    let approved = world.told(0, &["sweep", "approve", &run, "--yes"]).await;
    let after = world.told(0, &gone).await;
    let (again, ..) = ended(world.say(&["sweep", "reject", &run])).await;
    let (unknown, ..) = ended(world.say(&["sweep", "show", "999"])).await;

    let held = world.told(0, &["run", "list", "--status", "held"]).await;
    let shown = world.told(0, &["run", "show", &run]).await;
    let (_, words, _) = ended(world.say(&["run", "list", "--connection", ZOHO])).await;
    let none = world.told(0, &["run", "list", "--company", "7"]).await;
    let (misspelt, _, hint) = ended(world.say(&["run", "list", "--status", "hold"])).await;
    let (nowhere, ..) = ended(world.say(&["run", "show", "999"])).await;

    assert_eq!(held.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&shown["sweep"], &shown["held"], &shown["unchanged"]),
        (&"held_large".into(), &12.into(), &18.into())
    );
    assert!(
        words.contains("zoho.products  zoho/10234695  all"),
        "{words}"
    );
    assert_eq!(none.as_array().map(Vec::len), Some(0));
    assert_eq!((misspelt, nowhere), (2, 3), "{hint}");
    assert!(hint.contains("held"), "{hint}");
    assert_eq!(list[0]["candidates"].as_array().map(Vec::len), Some(12));
    assert_eq!(unsure, 2, "{why}");
    assert_eq!(before.as_array().map(Vec::len), Some(0));
    assert_eq!(approved["marked"], 12);
    assert_eq!(after.as_array().map(Vec::len), Some(12));
    assert_eq!((again, unknown), (4, 3));
    assert_eq!(world.audited("sweep.approve").await, 1);
    assert!(doctor.contains("sweep_held"), "{doctor}");
}
