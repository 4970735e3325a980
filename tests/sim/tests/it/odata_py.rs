//! The simulated Creatio, asked by an OData client that we did not write, where there is a Python to
//! install it with. What that client's authors know of OData is not what we read of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sim::creatio::{Config, Simulator};

use crate::support::not_checked;

/// The client, installed beside the build and not in the tree.
fn installed() -> Option<PathBuf> {
    let new = "import sys, pip; sys.exit(sys.version_info < (3, 10))";
    let ran = Command::new("python3").args(["-c", new]).output();
    ran.ok().filter(|ran| ran.status.success())?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odata-py");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("odata-py");
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--no-deps",
    ]);
    pip.args(["--disable-pip-version-check", "--upgrade", "--target"]);
    pip.arg(&folder)
        .arg("-r")
        .arg(source.join("requirements.txt"));
    let ran = pip.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.success(),
        "the client could not be installed: {said}"
    );
    Some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_client_reads_metadata_and_replies_as_odata_means_them() {
    let Some(folder) = installed() else {
        return not_checked("Python 3.10 or newer with pip");
    };
    let config = Config {
        leads: 30,
        ..Config::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    let (root, identity) = (simulator.url(), simulator.identity_url());
    let config = simulator.config().clone();

    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odata-py/check.py");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", folder).arg("-B").arg(check);
    python.args([&root, &identity, &config.client_id, &config.client_secret]);
    let ran = tokio::task::spawn_blocking(move || python.output()).await;

    let ran = ran.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let why = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{why}");
    assert_eq!(said.trim(), "10 promises held");
}
