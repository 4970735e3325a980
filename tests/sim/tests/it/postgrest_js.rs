//! The simulated PostgREST, asked by the official client of its remote, where there is an npm to
//! install it with. What that client's authors know of PostgREST is not what we read of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sim::supabase::{Config, Simulator};

use crate::support::not_checked;

const FILES: [&str; 3] = ["package.json", "package-lock.json", "check.mjs"];

/// The client, installed beside the build and not in the tree.
fn installed() -> Option<PathBuf> {
    let works = |program: &str| {
        let ran = Command::new(program).arg("--version").output();
        let version = ran.ok().filter(|ran| ran.status.success())?;
        Some(String::from_utf8_lossy(&version.stdout).trim().to_owned())
    };
    let node = works("node")?;
    works("npm")?;
    let major: u32 = node
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()?;
    if major < 20 {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgrest-js");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgrest-js");
    std::fs::create_dir_all(&folder).unwrap();
    for file in FILES {
        std::fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
    ]);
    let ran = npm.current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.success(),
        "the client could not be installed: {said}"
    );
    Some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_reads_every_reply_as_its_authors_meant_it() {
    let Some(folder) = installed() else {
        return not_checked("npm and Node 20 or newer");
    };
    let config = Config {
        customers: 30,
        ..Config::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    let (url, keys) = (simulator.url(), simulator.config().clone());

    let mut node = Command::new("node");
    node.current_dir(&folder)
        .args(["check.mjs", &url, &keys.service_role_key, &keys.anon_key]);
    let ran = tokio::task::spawn_blocking(move || node.output()).await;

    let ran = ran.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let why = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{why}");
    assert_eq!(said.trim(), "12 promises held");
}
