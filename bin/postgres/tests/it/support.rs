//! Scratch directories, waiting on conditions, and SQL through the installed `psql`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Options, Server};

/// A short directory that everybody may pass through, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/tmp/lockstep-pg-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The same without waiting for the disk, for promises that are not about durability.
    pub(crate) fn quick_options(&self) -> Options {
        let mut options = self.options();
        options.durable = false;
        options
    }

    /// Options for a server that keeps everything below this directory.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new(self.0.join("pg"));
        options.socket_dir = Some(self.0.join("socket"));
        options
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until `condition` holds; panics with `what` after half a minute.
#[expect(
    clippy::disallowed_methods,
    reason = "a condition of other processes gives no signal"
)]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "still not true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What `sql` prints on the server at `url`.
pub(crate) fn query(bin_dir: &Path, url: &str, sql: &str) -> String {
    let output = try_query(bin_dir, url, sql);
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {fault}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn try_query(bin_dir: &Path, url: &str, sql: &str) -> Output {
    Command::new(bin_dir.join("psql"))
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            url,
            "-c",
            sql,
        ])
        .output()
        .unwrap()
}

pub(crate) fn ask(server: &Server, sql: &str) -> String {
    query(server.bin_dir(), &server.url("lockstep"), sql)
}

/// Whether the process lives; a zombie does not.
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

pub(crate) fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// The user a process runs as.
pub(crate) fn uid_of(pid: u32) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}

/// User and group id of a passwd entry.
pub(crate) fn ids_of(name: &str) -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let entry: Vec<&str> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|entry| entry[0] == name)
        .unwrap();
    (entry[2].parse().unwrap(), entry[3].parse().unwrap())
}

pub(crate) fn we_are_root() -> bool {
    uid_of(std::process::id()) == 0
}

/// The first server process in `data`, as its own file tells.
pub(crate) fn postmaster_pid(data_dir: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(data_dir.join("data/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}
