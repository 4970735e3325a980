//! Packages of profiles at the command line.

use assert_cmd::Command;
use connectors::supabase::stable_hash;
use engine::testing::Database;
use serde_json::{Value, json as value};
use sim::supabase::{Change, Config, Simulator};
use uuid::Uuid;

use super::{database, ended, json, lockstep};

/// A database, a CRM, and a file that declares it. Dropping it removes the file.
struct World {
    database: Database,
    crm: Simulator,
    file: std::path::PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl World {
    async fn new(name: &str) -> World {
        let config = Config {
            customers: 0,
            ..Config::default()
        };
        let (database, crm) = tokio::join!(database(), Simulator::start(config));
        let crm = crm.expect("the CRM");
        let name = format!("packages-{}-{name}.toml", std::process::id());
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let text = format!(
            "[connections]\nloopback = true\n[connections.\"supabase/shop\"]\nbase_url = \"{}\"\n\
             refill = 1000\nkey_env = \"SHOP_KEY\"\n",
            crm.url()
        );
        std::fs::write(&file, text).expect("written");
        let world = World {
            database,
            crm,
            file,
        };
        world.customer("Zed Nobody", "0999999999");
        world
    }

    fn say(&self, words: &[&str]) -> Command {
        let mut command = lockstep(&self.database, words);
        command.env("LOCKSTEP_CONFIG", &self.file);
        command.env("SHOP_KEY", &self.crm.config().secret_key);
        command
    }

    /// What a command answers as JSON; it must end with `code`.
    async fn told(&self, code: i32, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().chain(&["-o", "json"]).copied().collect();
        let (ended, told) = json(self.say(&words)).await;
        assert_eq!(ended, code, "{words:?}: {told}");
        told
    }

    fn add(&self, table: &str, row: Value) {
        let table = table.to_owned();
        self.crm
            .change(Change::AddRow { table, row })
            .expect("added");
    }

    /// A customer with one package; the CRM's id.
    fn customer(&self, name: &str, phone: &str) -> String {
        let (id, hash) = (Uuid::now_v7().to_string(), stable_hash(name, phone));
        self.add(
            "customers",
            value!({"id": id, "stable_hash_id": hash, "customer_name": name, "contact_number": phone,
                "update_time": "2026-11-01T10:00:00+00:00"}),
        );
        let nth: u64 = phone.parse().expect("digits");
        self.add(
            "package_rows",
            value!({"id": nth, "customer_name": name, "expiration_date": "2027-01-31",
                "calculated_remaining_hours": "7.5", "calculated_used_hours": "2.5", "stable_hash_id": hash}),
        );
        id
    }

    /// Makes Ada's package one for so many people.
    fn spoil(&self, pax: i64) {
        let (table, id) = ("package_rows".to_owned(), "812345678".to_owned());
        let set = serde_json::Map::from_iter([("package_pax_from_def".to_owned(), value!(pax))]);
        self.crm
            .change(Change::ChangeRow { table, id, set })
            .expect("changed");
    }

    async fn profile(&self, name: &str, phone: &str) -> String {
        let id = Uuid::now_v7().to_string();
        self.told(
            0,
            &["profile", "set", &id, "--name", name, "--phone", phone],
        )
        .await;
        id
    }
}

#[tokio::test]
async fn a_profile_is_set_planned_synced_shown_and_deleted() {
    let world = World::new("one").await;
    let customer = world.customer("Ada Fairway", "0812345678");
    let id = world.profile("Ada Fairway", "081 234 5678").await;
    let sync = ["sync", "packages", "--profile", &id];

    let plan = world.told(0, &[&sync[..], &["--dry-run"]].concat()).await;
    let still = world.told(0, &["profile", "show", &id]).await;
    let done = world.told(0, &sync).await;
    let shown = world.told(0, &["profile", "show", &id]).await;
    let (code, words, _) = ended(world.say(&["profile", "show", &id])).await;
    let dry = world
        .told(0, &["profile", "delete", &id, "--dry-run"])
        .await;
    let (unsaid, _, _) = ended(world.say(&["profile", "delete", &id])).await;
    let delete = [
        "profile",
        "delete",
        &id,
        "--yes",
        "--reason",
        "asked for it",
    ];
    world.told(0, &delete).await;
    let (missing, _, _) = ended(world.say(&sync)).await;
    let history = ["record", "history"];
    let package = [&history[..], &["supabase.packages", "812345678"]].concat();
    let package = world.told(0, &package).await;
    let link = [&history[..], &["supabase.links", &id]].concat();
    let link = world.told(0, &link).await;

    assert_eq!(plan["created"], 1);
    assert_eq!(plan["changes"][0]["link"], value!([customer, 98]));
    assert_eq!(
        plan["changes"][0]["changes"][0]["changes"]["remaining_hours"],
        value!([null, "7.5"])
    );
    assert_eq!(
        (&still["link"], &still["packages"]),
        (&Value::Null, &value!([]))
    );
    assert_eq!(
        (&done["status"], &done["created"]),
        (&value!("synced"), &value!(1))
    );
    assert_eq!(shown["packages"][0]["remaining_hours"], "7.5");
    assert_eq!(code, 0);
    assert!(words.contains("98 %") && words.contains("7.5"), "{words}");
    assert_eq!(dry["dry_run"], true);
    assert_eq!((unsaid, missing), (2, 3));
    for (story, field, was) in [
        (&package, "remaining_hours", value!([null, "7.5"])),
        (&link, "customer_id", value!([null, customer])),
    ] {
        assert_eq!(
            (&story[0]["event"], &story[0]["reason"]),
            (&value!("gone"), &value!("asked for it"))
        );
        assert_eq!(story[1]["changes"][field], was, "{story}");
        assert!(story[1]["job_id"].is_string(), "{story}");
    }
}

#[tokio::test]
async fn a_bulk_sync_ends_in_part_when_somebody_is_nobody() {
    let world = World::new("bulk").await;
    world.customer("Ada Fairway", "0812345678");
    world.profile("Ada Fairway", "0812345678").await;
    world.profile("Who Isthis", "0700000000").await;
    let new = ["sync", "packages", "--only-new", "--pause", "0s"];

    let plan = world.told(0, &[&new[..], &["--dry-run"]].concat()).await;
    let (code, words, said) = ended(world.say(&new)).await;
    let slow = ["sync", "packages", "--max-profiles", "7", "--no-wait"];
    let unsaid = world.told(0, &slow).await;
    let unsaid = unsaid["id"].as_str().expect("a job").to_owned();
    let usual = world.told(0, &["job", "show", &unsaid]).await;
    let again = world.told(0, &["sync", "packages"]).await;
    let (odd, _, why) = ended(world.say(&["sync", "packages", "--batch-size", "101"])).await;
    let other = ["sync", "packages", "--connection", "supabase/none"];
    let (unknown, _, _) = ended(world.say(&other)).await;

    assert_eq!(
        (&plan["profiles"], &plan["would_sync"], &plan["created"]),
        (&value!(2), &value!(1), &value!(1))
    );
    assert_eq!(code, 8, "{said}");
    assert_eq!(words.trim(), "Synced 1 of 2 profiles: 1 package; 1 failed.");
    assert!(said.contains(": unmatched"), "{said}");
    assert_eq!(
        usual["args"],
        value!({"connection": null, "only_new": false, "max_profiles": 7, "batch_size": 20, "pause_ms": 500})
    );
    assert_eq!(again["totalProfiles"], 1);
    assert_eq!((odd, unknown), (2, 3), "{why}");
    assert!(why.contains("expected 1 to 100"), "{why}");
}

#[tokio::test]
async fn a_person_decides_and_a_dry_run_does_not() {
    let world = World::new("review").await;
    let bo = world.customer("Bo Bunker", "0812345678");
    let id = world.profile("Ada Fairway", "0812345678").await;
    let sync = ["sync", "packages", "--profile", &id];

    let held = world.told(4, &sync).await;
    let open = world.told(0, &["review", "list", "--profile", &id]).await;
    let review = open[0]["id"].to_string();
    let accept = ["review", "accept", &review, "--reason", "asked at the desk"];
    world.told(0, &[&accept[..], &["--dry-run"]].concat()).await;
    let still = world.told(0, &["review", "show", &review]).await;
    let done = world.told(0, &accept).await;
    let (again, _, _) = ended(world.say(&accept)).await;
    let (unknown, _, _) = ended(world.say(&["review", "reject", "999999"])).await;
    let none = world.told(0, &["review", "list"]).await;

    assert_eq!(held["status"], "in_review");
    assert_eq!(open[0]["candidates"][0]["customer_id"], bo.as_str());
    assert_eq!(
        (&still["status"], &done["customer_id"]),
        (&value!("open"), &value!(bo))
    );
    assert_eq!((again, unknown), (4, 3));
    assert_eq!(none, value!([]));
    let trail = world.told(0, &["audit", "list"]).await.to_string();
    assert!(trail.contains("review.accept") && trail.contains("asked at the desk"));
    assert!(!trail.contains("Ada Fairway"), "names are on no trail");
}

#[tokio::test]
async fn without_a_connection_or_a_key_it_says_what_to_do() {
    let world = World::new("keyless").await;
    let mut keyless = world.say(&["sync", "packages"]);
    keyless.env_remove("SHOP_KEY");
    let bare = lockstep(&world.database, &["sync", "packages"]);

    let (no_key, _, why) = ended(keyless).await;
    let (no_connection, _, how) = ended(bare).await;

    assert_eq!((no_key, no_connection), (5, 3));
    assert!(why.contains("variable SHOP_KEY is not set here"), "{why}");
    assert!(why.contains("start a worker where it is set"), "{why}");
    assert!(how.contains("[connections.\"supabase/shop\"]"), "{how}");
}

#[tokio::test]
async fn a_package_that_cannot_be_read_is_listed_shown_ignored_and_read_again() {
    let world = World::new("quarantine").await;
    world.customer("Ada Fairway", "0812345678");
    world.spoil(-1);
    let id = world.profile("Ada Fairway", "0812345678").await;
    let sync = ["sync", "packages", "--profile", &id];
    let list = ["quarantine", "list", "--stream", "supabase.packages"];

    world.told(0, &sync).await;
    let listed = world.told(0, &list).await;
    let number = listed[0]["id"].to_string();
    let shown = world.told(0, &["quarantine", "show", &number]).await;
    let (unsaid, _, _) = ended(world.say(&["quarantine", "ignore", &number])).await;
    let ignore = ["quarantine", "ignore", &number, "--reason", "a test"];
    let ignored = world.told(0, &ignore).await;
    world.spoil(2);
    let retried = world.told(0, &["quarantine", "retry", &number]).await;
    let job = retried["job"].as_str().expect("a job").to_owned();
    let again = world.told(0, &["job", "show", &job]).await;
    // Of one profile it would be the sync that has ended less than a minute ago.
    world.told(0, &["sync", "packages"]).await;
    let resolved = world
        .told(0, &[&list[..], &["--status", "resolved"]].concat())
        .await;

    assert_eq!(shown["profile_id"], id.as_str());
    assert_eq!(shown["raw"]["package_pax_from_def"], -1);
    assert_eq!((unsaid, &ignored["status"]), (2, &value!("ignored")));
    assert_eq!(again["args"]["profile_id"], id.as_str(), "{again}");
    assert_eq!(resolved[0]["id"].to_string(), number);
}
