//! Connections and credentials at the command line, with the four simulated vendors.

use std::io::Write as _;

use assert_cmd::Command;
use engine::testing::Database;

use super::{database, ended, json, lockstep, program};

const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEXT: &str = "two:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef";

/// A database, the vendors, and a file that declares them.
struct World {
    database: Database,
    creatio: sim::creatio::Simulator,
    zoho: sim::zoho::Simulator,
    supabase: sim::supabase::Simulator,
    soundtrack: sim::soundtrack::Simulator,
    file: Scratch,
}

/// A file that is deleted with its owner.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl World {
    async fn new() -> World {
        let database = database().await;
        let creatio = sim::creatio::Simulator::start(sim::creatio::Config::default());
        let zoho = sim::zoho::Simulator::start(sim::zoho::Config::default());
        let supabase = sim::supabase::Simulator::start(sim::supabase::Config::default());
        let soundtrack = sim::soundtrack::Simulator::start(sim::soundtrack::Config::default());
        let (creatio, zoho, supabase, soundtrack) = (
            creatio.await.expect("creatio"),
            zoho.await.expect("zoho"),
            supabase.await.expect("supabase"),
            soundtrack.await.expect("soundtrack"),
        );
        let text = format!(
            "[connections]\nloopback = true\n\
             [connections.\"creatio/acme\"]\nbase_url = \"{}\"\nidentity_url = \"{}\"\n\
             [connections.\"zoho/10234695\"]\ndata_centre = \"us\"\nbase_url = \"{}\"\n\
             [connections.\"supabase/shop\"]\nbase_url = \"{}\"\n\
             [connections.\"soundtrack/default\"]\nbase_url = \"{}\"\n",
            creatio.url(),
            creatio.identity_url(),
            zoho.api_domain(),
            supabase.url(),
            soundtrack.url()
        );
        let name = format!(
            "connections-{}-{:?}.toml",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut file = std::fs::File::create(&path).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        World {
            database,
            creatio,
            zoho,
            supabase,
            soundtrack,
            file: Scratch(path),
        }
    }

    fn say(&self, words: &[&str]) -> Command {
        let mut command = lockstep(&self.database, words);
        command.env("LOCKSTEP_CONFIG", &self.file.0);
        command.env("LOCKSTEP_CREDENTIALS_KEY", KEY);
        command
    }

    async fn set(&self, connection: &str, field: &str, value: &str) {
        let mut command = self.say(&["credential", "set", connection, field, "--from-stdin"]);
        command.write_stdin(format!("{value}\n"));
        let (code, _, err) = ended(command).await;
        assert_eq!(code, 0, "{err}");
    }

    async fn set_all(&self) {
        let creatio = self.creatio.config();
        self.set("creatio/acme", "client_id", &creatio.client_id)
            .await;
        self.set("creatio/acme", "client_secret", &creatio.client_secret)
            .await;
        let zoho = self.zoho.config();
        self.set("zoho/10234695", "client_id", &zoho.client_id)
            .await;
        self.set("zoho/10234695", "client_secret", &zoho.client_secret)
            .await;
        self.set("zoho/10234695", "refresh_token", &zoho.refresh_token)
            .await;
        self.set("supabase/shop", "key", &self.supabase.config().secret_key)
            .await;
        self.set("soundtrack/default", "token", self.soundtrack.token())
            .await;
    }
}

#[tokio::test]
async fn secrets_are_set_tried_shown_by_their_ends_and_sealed_by_another_key() {
    let world = World::new().await;
    let (code, out, _) = ended(world.say(&["connection", "list", "-o", "csv"])).await;
    assert_eq!(code, 0);
    assert_eq!(out.matches(",active,missing,").count(), 4, "{out}");

    world.set_all().await;

    for name in [
        "creatio/acme",
        "zoho/10234695",
        "supabase/shop",
        "soundtrack/default",
    ] {
        let (code, out, err) = ended(world.say(&["connection", "test", name])).await;
        assert_eq!(code, 0, "{name}: {out} {err}");
        assert_eq!(
            out.lines().filter(|line| line.starts_with("ok")).count(),
            5,
            "{out}"
        );
    }
    let (_, status) = json(world.say(&["credential", "status", "-o", "json"])).await;
    let said = status.to_string();
    assert!(said.contains("1000…en"), "{said}");
    for secret in [
        "sim-creatio-secret",
        "sim-refresh-token",
        "sim-client-secret",
        "sb_secret_simulated",
    ] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(status["keys"]["left"], 0);

    let mut rotate = world.say(&["credential", "rotate-key", "--dry-run"]);
    rotate.env("LOCKSTEP_CREDENTIALS_KEY", format!("{NEXT},{KEY}"));
    let (code, out, err) = ended(rotate).await;
    assert_eq!((code, out.contains("Would seal")), (0, true), "{out} {err}");
    let mut rotate = world.say(&["credential", "rotate-key"]);
    rotate.env("LOCKSTEP_CREDENTIALS_KEY", format!("{NEXT},{KEY}"));
    let (code, out, err) = ended(rotate).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, "Sealed 9 values by key two; 0 left.\n");
    let (code, _, err) = ended(world.say(&["connection", "test", "supabase/shop"])).await;
    assert_eq!(code, 7, "{err}");
    assert!(
        err.contains("sealed by key \"two\", which was not given"),
        "{err}"
    );
    assert!(err.contains("[credentials] key_file"), "{err}");
}

#[tokio::test]
async fn a_dry_run_and_a_refusal_change_nothing_and_each_change_is_on_the_trail() {
    let world = World::new().await;
    world
        .set("supabase/shop", "key", "sb_secret_wrong_one")
        .await;
    let mut dry = world.say(&[
        "credential",
        "set",
        "supabase/shop",
        "key",
        "--from-stdin",
        "--dry-run",
    ]);
    dry.write_stdin("another");
    let (code, out, _) = ended(dry).await;
    assert_eq!(
        (code, out.contains("Would set the key")),
        (0, true),
        "{out}"
    );
    let mut wrong = world.say(&[
        "credential",
        "set",
        "supabase/shop",
        "token",
        "--from-stdin",
    ]);
    wrong.write_stdin("x");
    assert_eq!(ended(wrong).await.0, 2);
    let mut keyless = world.say(&["credential", "set", "supabase/shop", "key", "--from-stdin"]);
    keyless
        .env_remove("LOCKSTEP_CREDENTIALS_KEY")
        .write_stdin("x");
    let (code, _, err) = ended(keyless).await;
    assert_eq!(code, 7, "{err}");
    assert!(err.contains("lockstep credential new-key"), "{err}");
    let mut elsewhere = world.say(&[
        "credential",
        "set",
        "soundtrack/default",
        "token",
        "--from-stdin",
    ]);
    elsewhere
        .env("LOCKSTEP_SOUNDTRACK_TOKEN", "dG9rZW4=")
        .write_stdin("x");
    let (code, _, err) = ended(elsewhere).await;
    assert_eq!(
        (code, err.contains("variable LOCKSTEP_SOUNDTRACK_TOKEN")),
        (4, true),
        "{err}"
    );
    let (_, status) =
        json(world.say(&["credential", "status", "supabase/shop", "-o", "json"])).await;
    assert_eq!(status["secrets"][0]["version"], 1);

    for verb in ["pause", "resume"] {
        let words = ["connection", verb, "supabase/shop", "--dry-run"];
        assert_eq!(ended(world.say(&words)).await.0, 0);
        let words = [
            "connection",
            verb,
            "supabase/shop",
            "--reason",
            "stock-taking",
        ];
        assert_eq!(ended(world.say(&words)).await.0, 0);
    }
    let (code, out, _) = ended(world.say(&["connection", "test", "supabase/shop"])).await;
    assert_eq!(code, 9);
    assert!(out.starts_with("failed  auth"), "{out}");
    assert!(out.contains("lockstep connection reauthorise"), "{out}");
    let mut again = world.say(&["connection", "reauthorise", "supabase/shop", "--from-stdin"]);
    again.write_stdin(world.supabase.config().secret_key.clone());
    let (code, out, err) = ended(again).await;
    assert_eq!(
        (code, out.starts_with("supabase/shop is active.")),
        (0, true),
        "{out} {err}"
    );
    let (code, out, _) = ended(world.say(&["connection", "test", "supabase/shop"])).await;
    assert_eq!(code, 0, "{out}");
    let trail = world
        .database
        .client()
        .audit(Some("supabase/shop"), 20)
        .await
        .expect("the trail");
    let mut acts: Vec<&str> = trail.iter().map(|row| row.action.as_str()).collect();
    acts.sort_unstable();
    let expected = [
        "connection.park",
        "connection.pause",
        "connection.pause",
        "connection.reauthorise",
        "connection.resume",
        "connection.resume",
        "credential.set",
    ];
    assert_eq!(acts, expected);
    assert!(!format!("{trail:?}").contains("sb_secret"), "{trail:?}");
    assert_eq!(
        ended(world.say(&["connection", "show", "zoho/1"])).await.0,
        3
    );
}

#[tokio::test]
async fn a_new_key_is_a_line_for_the_key_file_and_another_each_time() {
    let (code, one, _) = ended(program(&["credential", "new-key", "2026-12"])).await;
    let (_, two, _) = ended(program(&["credential", "new-key", "2026-12"])).await;

    assert_eq!((code, one.len()), (0, "2026-12:".len() + 65));
    assert!(one.starts_with("2026-12:") && one != two);
    assert_eq!(ended(program(&["credential", "new-key", "a b"])).await.0, 2);
}

#[tokio::test]
async fn a_variable_that_this_process_lacks_is_no_proof_for_the_workers() {
    let database = database().await;
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("lacking-{}.toml", std::process::id()));
    let text = "[connections.\"zoho/1\"]\ndata_centre = \"us\"\nclient_id_env = \"SHOP_ID\"\n\
                client_secret_env = \"SHOP_SECRET\"\nrefresh_token_env = \"SHOP_TOKEN\"\n";
    std::fs::write(&path, text).expect("a file");
    let file = Scratch(path);
    let say = |words: &[&str], given: &[&str]| {
        let mut command = lockstep(&database, words);
        command.env("LOCKSTEP_CONFIG", &file.0);
        for name in given {
            command.env(name, "invented-value");
        }
        command
    };
    let show = ["connection", "show", "zoho/1"];

    let (code, out, err) = ended(say(&show, &["SHOP_ID"])).await;
    let (_, told) = json(say(
        &["connection", "show", "zoho/1", "-o", "json"],
        &["SHOP_ID"],
    ))
    .await;
    let (sync, _, why) = ended(say(&["sync", "zoho"], &[])).await;
    let (_, here, _) = ended(say(&show, &["SHOP_ID", "SHOP_SECRET", "SHOP_TOKEN"])).await;

    assert_eq!(code, 0, "{err}");
    assert!(out.contains("not_here"), "{out}");
    assert!(err.contains("proves nothing of the workers"), "{err}");
    let lacking = serde_json::json!(["variable SHOP_SECRET", "variable SHOP_TOKEN"]);
    assert_eq!(told["lacking"], lacking, "{told}");
    assert_eq!(sync, 5, "{why}");
    assert!(why.contains("variable SHOP_SECRET"), "{why}");
    assert!(here.contains("valid"), "{here}");
}
