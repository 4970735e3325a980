//! `lockstep demo`: from nothing to synced zones, with the planted trouble told, and with commands to
//! paste that work.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

use crate::cli::{ended, json, program};

#[tokio::test]
async fn the_demo_syncs_what_can_be_synced_and_names_what_cannot() {
    let (code, told) = json(program(&["demo", "--once", "-o", "json"])).await;

    assert_eq!(code, 0);
    let totals = &told["totals"];
    assert_eq!(totals["companies"], 39);
    assert_eq!(totals["skipped"], 1);
    assert_eq!(totals["companies_failed"], 2);
    let (products, packages) = (&told["products"], &told["packages"]);
    assert_eq!(
        (
            &products["total"],
            &products["created"],
            &products["failed"]
        ),
        (&160.into(), &159.into(), &1.into())
    );
    assert_eq!(packages["totalProfiles"], 15, "{packages}");
    let synced = packages["successfulProfiles"].as_i64();
    assert!(synced.is_some_and(|synced| synced >= 8), "{packages}");
    let leads = &told["leads"];
    assert_eq!(
        (&leads["created_in_creatio"], &leads["failed"]),
        (&3.into(), &0.into()),
        "{leads}"
    );
    let conflicts = told["conflicts"].as_array().expect("conflicts").iter();
    let conflicts: Vec<_> = conflicts
        .map(|one| (one["field"].as_str(), one["ours"].as_str()))
        .collect();
    assert_eq!(
        conflicts,
        [
            (Some("budget"), Some("1800")),
            (Some("status"), Some("Qualification"))
        ]
    );
    let dead = told["dead"].as_array().expect("dead letters");
    let mut codes: Vec<&str> = dead
        .iter()
        .filter_map(|letter| letter["code"].as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert!(
        dead.iter().all(|letter| letter["error"].is_string()),
        "{dead:?}"
    );
}

#[tokio::test]
async fn every_command_that_the_demo_prints_works_when_pasted() {
    let mut demo = Demo::start();
    let commands = demo.commands().await;
    assert!(commands.len() > 16, "{commands:?}");

    // As in another terminal, whose settings are for another database.
    let mut shell = Command::new("sh");
    let marked = commands
        .iter()
        .map(|line| format!("{line}\necho \"::$?\"\n"));
    // What the demo does not print: what came of its words.
    let after = "echo '--applied'; lockstep sync creatio conflicts --status applied -o json\n\
                 echo '--left'; lockstep sync creatio conflicts -o json\n\
                 echo '--differs'; lockstep sync creatio sync-all --dry-run -o json\n\
                 echo '--tested'; lockstep sync creatio test-connection\n";
    shell
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .write_stdin(format!("{}{after}", marked.collect::<String>()));
    let (_, out, err) = ended(shell).await;

    let codes: Vec<&str> = out
        .split("::")
        .skip(1)
        .filter_map(|rest| rest.lines().next())
        .collect();
    assert_eq!(
        codes,
        vec!["0"; commands.len()],
        "{commands:#?}\n{out}\n{err}"
    );
    assert!(out.contains("\"data\":[{\"id\":"), "jobs by curl: {out}");
    assert!(out.contains("{\"synced\":"), "a sync by curl: {out}");
    let told = |name: &str| -> Value {
        let (_, rest) = out
            .split_once(name)
            .unwrap_or_else(|| panic!("{name}: {out} {err}"));
        let text = rest.split("\n--").next().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: {text} {err}"))
    };
    let applied = told("--applied\n");
    let applied = applied.as_array().expect("conflicts").iter();
    let mut applied: Vec<_> = applied.map(|one| one["decision"].to_string()).collect();
    applied.sort_unstable();
    assert_eq!(applied, [r#"{"take":"local"}"#, r#"{"value":"2100.00"}"#]);
    assert_eq!(told("--left\n"), json!([]));
    assert_eq!(
        told("--differs\n")["changes"],
        json!([]),
        "both sides agree"
    );
    let (_, tested) = out
        .split_once("--tested\n")
        .expect("a test of the connection");
    assert!(
        tested.contains("ok") && !tested.contains("failed"),
        "{tested} {err}"
    );
    demo.stop().await;
}

#[tokio::test]
async fn a_demo_that_is_started_again_goes_on_where_it_ended() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
    let path = dir.to_str().expect("a plain path");
    let again = || program(&["demo", "--once", "--data-dir", path, "-o", "json"]);
    let (_, first) = json(again()).await;

    let (code, second) = json(again()).await;

    assert_eq!(code, 0, "{second}");
    assert_eq!(first["leads"]["created_in_creatio"], 3);
    let leads = second["leads"].as_object().expect("counts");
    assert_eq!(leads["seen"], 22, "its records, ours among them: {leads:?}");
    let changes = leads
        .iter()
        .filter(|(name, count)| *name != "seen" && count.is_number());
    assert!(changes.clone().count() > 8, "{leads:?}");
    assert!(changes.clone().all(|(_, count)| *count == 0), "{leads:?}");
    assert_eq!(second["conflicts"], first["conflicts"]);
    assert_eq!(second["totals"]["created"], 0, "{second}");
    assert_eq!(second["products"]["created"], 0, "{second}");

    std::fs::remove_file(dir.join("simulated-creatio.json")).expect("the records");
    let (code, _, refused) = ended(program(&["demo", "--once", "--data-dir", path])).await;
    let _ = std::fs::remove_dir_all(&dir);

    assert_eq!(code, 4, "{refused}");
    assert!(refused.contains("begin anew: rm -r "), "{refused}");
}

/// A demo that stays, killed when its test ends early.
struct Demo(Child);

impl Demo {
    fn start() -> Demo {
        let child = std::process::Command::new(cargo_bin("lockstep"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        Demo(child)
    }

    /// The lines below "What to try", up to the blank one.
    async fn commands(&mut self) -> Vec<String> {
        let out = self.0.stdout.take().expect("a pipe");
        let read = tokio::task::spawn_blocking(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            let below = lines
                .skip_while(|line| !line.starts_with("What to try"))
                .skip(1);
            let lines = below.take_while(|line| !line.is_empty());
            lines.map(|line| line.trim().to_owned()).collect()
        });
        let read = tokio::time::timeout(Duration::from_secs(120), read).await;
        read.expect("in time").expect("read to its end")
    }

    async fn stop(mut self) {
        let told = std::process::Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        assert!(told.expect("kill runs").success());
        let ended = tokio::task::spawn_blocking(move || self.0.wait());
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
        let status = ended.expect("in time").expect("joined").expect("a child");
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
