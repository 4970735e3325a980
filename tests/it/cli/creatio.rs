//! Creatio both ways at the command line.

use std::io::Write as _;

use assert_cmd::Command;
use engine::testing::Database;
use serde_json::{Value, json};
use sim::creatio::{Change, Config, Guid, Simulator};
use uuid::Uuid;

use super::{database, ended, json as told_json, lockstep};

const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CREATIO: &str = "creatio/acme";

/// A database, a Creatio with a credential, and a file that declares it.
pub(super) struct World {
    pub(super) database: Database,
    pub(super) vendor: Simulator,
    file: std::path::PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl World {
    pub(super) async fn of(name: &str, leads: u32) -> World {
        let config = Config {
            leads,
            contacts: 2,
            accounts: 1,
            activities: 1,
            ..Config::default()
        };
        let (database, vendor) = tokio::join!(database(), Simulator::start(config));
        let vendor = vendor.expect("the vendor");
        let name = format!("creatio-{name}-{}.toml", std::process::id());
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let text = format!(
            "[connections]\nloopback = true\n[connections.\"{CREATIO}\"]\nbase_url = \"{}\"\nidentity_url = \"{}\"\n",
            vendor.url(),
            vendor.identity_url(),
        );
        let mut open = std::fs::File::create(&file).expect("a file");
        open.write_all(text.as_bytes()).expect("written");
        let world = World {
            database,
            vendor,
            file,
        };
        let config = world.vendor.config().clone();
        for (field, value) in [
            ("client_id", config.client_id),
            ("client_secret", config.client_secret),
        ] {
            let mut set = world.say(&["credential", "set", CREATIO, field, "--from-stdin"]);
            set.write_stdin(value);
            let (code, _, err) = ended(set).await;
            assert_eq!(code, 0, "{err}");
        }
        world
    }

    pub(super) fn say(&self, words: &[&str]) -> Command {
        let mut command = lockstep(&self.database, words);
        command.env("LOCKSTEP_CONFIG", &self.file);
        command.env("LOCKSTEP_CREDENTIALS_KEY", KEY);
        command
    }

    /// What a command answers as JSON; it must end with `code`.
    pub(super) async fn told(&self, code: i32, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().chain(&["-o", "json"]).copied().collect();
        let (ended, told) = told_json(self.say(&words)).await;
        assert_eq!(ended, code, "{words:?}: {told}");
        told
    }

    async fn lead(&self) -> (Uuid, Guid) {
        let list = self
            .told(0, &["record", "list", "--sort", "lead", "--limit", "1"])
            .await;
        let id = |name: &str| list[0][name].as_str().expect("an id").to_owned();
        let remote = Guid::parse(&id("remote_id")).expect("a guid");
        (id("local_id").parse().expect("a uuid"), remote)
    }

    /// Both sides give the lead another budget.
    async fn edited_twice(&self, lead: (Uuid, Guid)) {
        sqlx::query("update sync.lead set budget = 111 where id = $1")
            .bind(lead.0)
            .execute(self.database.pool())
            .await
            .expect("edited");
        let change = Change::set("Lead", lead.1, json!({"Budget": "222.00"}));
        self.vendor.change(change).expect("changed");
    }

    async fn budget(&self, lead: Uuid) -> String {
        sqlx::query_scalar("select trim_scale(budget)::text from sync.lead where id = $1")
            .bind(lead)
            .fetch_one(self.database.pool())
            .await
            .expect("a budget")
    }

    async fn jobs(&self) -> i64 {
        sqlx::query_scalar("select count(*) from engine.job")
            .fetch_one(self.database.pool())
            .await
            .expect("counted")
    }

    pub(super) async fn audited(&self, action: &str) -> i64 {
        sqlx::query_scalar("select count(*) from engine.audit where action = $1")
            .bind(action)
            .fetch_one(self.database.pool())
            .await
            .expect("counted")
    }
}

#[tokio::test]
async fn a_dry_run_tells_every_change_and_the_sync_does_it() {
    let world = World::of("all", 4).await;

    let plan = world
        .told(0, &["sync", "creatio", "sync-all", "--dry-run"])
        .await;
    let saves = world.vendor.saves().len();
    let lines = ["sync", "creatio", "sync-all", "--dry-run", "-o", "jsonl"];
    let (_, lines, _) = ended(world.say(&lines)).await;
    let (code, words, err) = ended(world.say(&["sync", "creatio", "sync-all", "--dry-run"])).await;
    let nothing = world.told(0, &["record", "list"]).await;
    let first = world.told(0, &["sync", "creatio", "sync-all"]).await;
    let (lead, remote) = world.lead().await;
    let again = world
        .told(
            0,
            &[
                "sync",
                "creatio",
                "sync-lead",
                "--lead-id",
                &lead.to_string(),
            ],
        )
        .await;
    let status = world.told(0, &["sync", "creatio", "status"]).await;
    let of_lead = lead.to_string();
    let shown = world.told(0, &["record", "show", "lead", &of_lead]).await;
    let done = world
        .told(0, &["record", "operations", "lead", &of_lead])
        .await;
    let (unknown, ..) = ended(world.say(&[
        "sync",
        "creatio",
        "sync-lead",
        "--lead-id",
        &Uuid::nil().to_string(),
    ]))
    .await;
    let (tested, _, why) = ended(world.say(&["sync", "creatio", "test-connection"])).await;

    assert_eq!((code, saves), (0, 0), "{err}");
    assert_eq!(
        plan["connections"][0]["created_here"], first["created_here"],
        "{plan}"
    );
    let leads = plan["changes"].as_array().expect("changes").iter();
    assert_eq!(leads.filter(|change| change["sort"] == "lead").count(), 4);
    let lines = lines.lines().map(serde_json::from_str::<Value>);
    let lines = lines.collect::<Result<Vec<_>, _>>();
    assert_eq!(json!(lines.expect("JSON a line")), plan["changes"]);
    assert!(words.contains("Nothing was changed."), "{words}");
    assert!(words.contains("here: none → "), "{words}");
    assert_eq!(nothing, json!([]), "a dry run leaves nothing");
    assert_eq!(first["failed"], 0, "{first}");
    assert_eq!(
        (&again["status"], &again["remote_id"]),
        (&json!("success"), &json!(remote.to_string()))
    );
    let of_leads = status["records"].as_array().expect("counts").iter();
    let of_leads: Vec<_> = of_leads
        .filter(|one| one["stream"] == "creatio.leads")
        .collect();
    assert_eq!(
        of_leads,
        [&json!({"stream": "creatio.leads", "status": "success", "records": 4})]
    );
    assert_eq!(shown["direction"], "from_creatio");
    assert_eq!(done[0]["verb"], "create");
    assert_eq!((unknown, tested), (3, 0), "{why}");
    assert_eq!(
        world.audited("sync.creatio").await,
        1,
        "a dry run leaves no row"
    );
}

#[tokio::test]
async fn a_conflict_is_shown_settled_and_undone() {
    let world = World::of("conflict", 3).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let lead = world.lead().await;
    world.edited_twice(lead).await;
    let synced = world.told(0, &["sync", "creatio", "sync-all"]).await;

    let list = world.told(0, &["sync", "creatio", "conflicts"]).await;
    let id = list[0]["id"].to_string();
    let (stuck, ..) = ended(world.say(&[
        "sync",
        "creatio",
        "sync-lead",
        "--lead-id",
        &lead.0.to_string(),
    ]))
    .await;
    let (shown, words, _) = ended(world.say(&["conflict", "show", &id])).await;
    let (odd, _, why) = ended(world.say(&["conflict", "resolve", &id, "--take", "ours"])).await;
    let resolve = ["sync", "creatio", "resolve", &id, "--take", "creatio"];
    let dry: Vec<&str> = resolve.iter().chain(&["--dry-run"]).copied().collect();
    world.told(0, &dry).await;
    let still = world.told(0, &["conflict", "show", &id]).await;
    let resolved = world.told(0, &resolve).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let taken = world.budget(lead.0).await;
    let applied = world
        .told(0, &["conflict", "list", "--status", "applied"])
        .await;
    let entries = world
        .told(0, &["journal", "list", "--record", &lead.0.to_string()])
        .await;
    let entry = entries[0]["id"].to_string();
    world.told(0, &["journal", "undo", &entry]).await;
    let back = world.budget(lead.0).await;
    let (twice, ..) = ended(world.say(&["journal", "undo", &entry])).await;
    let (over, ..) = ended(world.say(&resolve)).await;

    assert_eq!(synced["conflicts"], 1, "{synced}");
    assert_eq!((&list[0]["field"], stuck), (&json!("budget"), 4));
    assert_eq!(shown, 0);
    assert!(words.contains("111") && words.contains("222"), "{words}");
    assert_eq!(odd, 2, "{why}");
    assert_eq!(
        (&still["status"], &resolved["status"]),
        (&json!("open"), &json!("resolved"))
    );
    assert_eq!((taken.as_str(), back.as_str()), ("222", "111"));
    assert_eq!(applied.as_array().map(Vec::len), Some(1));
    assert_eq!((twice, over), (4, 4));
    for action in ["conflict.resolve", "journal.undo"] {
        assert_eq!(world.audited(action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn what_creatio_cannot_hold_is_told_before_and_after_with_the_way_out() {
    let world = World::of("unmappable", 1).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let (lead, remote) = world.lead().await;
    let id = lead.to_string();
    sqlx::query("update sync.lead set status = 'Nonsense' where id = $1")
        .bind(lead)
        .execute(world.database.pool())
        .await
        .expect("edited");

    let plan = world
        .told(0, &["sync", "creatio", "sync-all", "--dry-run"])
        .await;
    sqlx::query("update sync.lead set company = 'Grand Inn' where id = $1")
        .bind(lead)
        .execute(world.database.pool())
        .await
        .expect("edited");
    let sync_lead = ["sync", "creatio", "sync-lead", "--lead-id", &id];
    let dry: Vec<&str> = sync_lead.iter().chain(&["--dry-run"]).copied().collect();
    let planned = world.told(0, &dry).await;
    let before = world.vendor.record("Lead", remote).expect("it is there");
    let (failed, said, err) = ended(world.say(&sync_lead)).await;
    let (_, _, next) = ended(world.say(&["record", "show", "lead", &id])).await;
    let (_, _, left) = ended(world.say(&["sync", "creatio", "sync-all"])).await;

    let change = &plan["changes"][0];
    assert_eq!(
        (&change["verb"], &change["code"]),
        (&json!("fail"), &json!("unmappable")),
        "{plan}"
    );
    assert_eq!(plan["connections"][0]["failed"], 1, "{plan}");
    assert_eq!(plan["connections"][0]["conflicts"], 0, "{plan}");
    let acts = |field: &str| -> Vec<Value> {
        let fields = planned["changes"][0]["fields"]
            .as_array()
            .into_iter()
            .flatten();
        let of = fields.filter(|one| one["field"] == field);
        of.map(|one| json!([one["act"], one["ours"]])).collect()
    };
    assert_eq!(acts("company"), [json!(["push", "Grand Inn"])], "{planned}");
    assert_eq!(acts("status").len(), 1, "{planned}");
    assert_ne!(before["Account"], "Grand Inn", "a dry run writes nothing");
    assert_eq!(failed, 8, "{err}");
    let there = world.vendor.record("Lead", remote).expect("it is there");
    assert_eq!(there["Account"], "Grand Inn", "the other fields go over");
    assert!(said.contains("lockstep record show lead"), "{said}");
    assert!(next.contains("retry-failed"), "{next}");
    assert!(left.contains("Left: 1 failed record"), "{left}");
}

#[tokio::test]
async fn a_wait_that_a_breaker_makes_long_says_so() {
    let world = World::of("shut", 1).await;
    world.told(0, &["breaker", "open", CREATIO]).await;

    let sync = ["sync", "creatio", "sync-all", "--timeout", "1s"];
    let (code, _, err) = ended(world.say(&sync)).await;

    assert_eq!(code, 124, "{err}");
    assert!(err.contains("the breaker of creatio/acme is open"), "{err}");
    assert!(
        err.contains("lockstep connection test creatio/acme"),
        "{err}"
    );
}

#[tokio::test]
async fn all_conflicts_of_a_field_are_settled_alike() {
    let world = World::of("field", 3).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let list = world.told(0, &["record", "list", "--sort", "lead"]).await;
    for one in list.as_array().expect("leads") {
        let id = |name: &str| one[name].as_str().expect("an id").to_owned();
        let remote = Guid::parse(&id("remote_id")).expect("a guid");
        world
            .edited_twice((id("local_id").parse().expect("a uuid"), remote))
            .await;
    }
    world.told(0, &["sync", "creatio", "sync-all"]).await;

    let all = [
        "conflict",
        "resolve",
        "--all-of",
        "lead.budget",
        "--value",
        "333.50",
    ];
    let settled = world.told(0, &all).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let none = world.told(0, &["conflict", "list"]).await;
    let again = world.told(0, &all).await;

    assert_eq!(
        (&settled["settled"], &again["settled"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(none, json!([]));
    for lead in world.vendor.records("Lead") {
        let budget = lead["Budget"].to_string();
        assert!(budget.contains("333.5"), "{budget}");
    }
    assert_eq!(world.audited("conflict.resolve_field").await, 1);
}

#[tokio::test]
async fn a_mapping_is_checked_before_it_is_in_force() {
    let world = World::of("mapping", 1).await;
    let file = world.file.with_extension("mapping");
    let path = file.display().to_string();
    let (_, default, _) = ended(world.say(&["mapping", "show", "--default"])).await;
    let bad = default.replace("remote = \"Budget\"", "remote = \"Bugdet\"");
    std::fs::write(&file, bad).expect("written");

    let (faulty, _, err) = ended(world.say(&["mapping", "set", &path])).await;
    std::fs::write(
        &file,
        default.replace(
            "resolve = \"manual\" }\npredictive",
            "owner = \"local\" }\npredictive",
        ),
    )
    .expect("written");
    let checked = world.told(0, &["mapping", "check", &path]).await;
    world.told(0, &["mapping", "set", &path, "--dry-run"]).await;
    let before = world.told(0, &["mapping", "versions"]).await;
    let set = world.told(0, &["mapping", "set", &path]).await;
    let jobs = world.jobs().await;
    let (same, said, _) = ended(world.say(&["mapping", "set", &path])).await;
    let (dry, also, _) = ended(world.say(&["mapping", "set", &path, "--dry-run"])).await;
    let jobs_after = world.jobs().await;
    let versions = world.told(0, &["mapping", "versions"]).await;
    let (_, shown, _) = ended(world.say(&["mapping", "show"])).await;
    let _ = std::fs::remove_file(&file);

    assert_eq!(faulty, 7, "{err}");
    assert!(
        err.contains("did you mean `Budget`?") && err.contains("line "),
        "{err}"
    );
    assert_eq!(checked["hash"], set["hash"]);
    assert_eq!(before, json!([]), "a dry run leaves none");
    assert_eq!(versions.as_array().map(Vec::len), Some(1));
    assert!(shown.contains("owner = \"local\""), "{shown}");
    assert_eq!((same, dry), (0, 0));
    assert!(
        said.contains("in force already") && also == said,
        "{said} {also}"
    );
    assert_eq!(jobs_after, jobs, "nothing is to be looked at");
    assert_eq!(world.audited("mapping.set").await, 1);
}
