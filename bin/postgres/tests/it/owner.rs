//! This binary run again as a process that owns a server, so that it can be killed.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use postgres::{Options, Server, testing::Cluster};

const ROLE: &str = "LOCKSTEP_PG_ROLE";
const DIR: &str = "LOCKSTEP_PG_DIR";

/// The other process. It lives until it is killed, or until its standard input is closed.
pub(crate) struct Owner {
    pub(crate) child: Child,
    /// The server's process id.
    pub(crate) postmaster: u32,
    pub(crate) url: String,
    pub(crate) bin_dir: PathBuf,
    stdin: Option<ChildStdin>,
    // Kept open: the harness of the other process fails when it cannot print its summary.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Owner {
    /// A process that owns a private server below `dir`.
    pub(crate) fn of_server(dir: &Path) -> Self {
        Self::spawn("server", dir, None)
    }

    /// The same as another user.
    pub(crate) fn of_server_as(dir: &Path, ids: (u32, u32)) -> Self {
        Self::spawn("server", dir, Some(ids))
    }

    /// A process that uses a shared test server in `dir`.
    pub(crate) fn of_cluster(dir: &Path) -> Self {
        Self::spawn("cluster", dir, None)
    }

    fn spawn(role: &str, dir: &Path, ids: Option<(u32, u32)>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "owner::helper_process", "--nocapture"])
            .env(ROLE, role)
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some((uid, gid)) = ids {
            command.uid(uid).gid(gid).current_dir("/");
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The harness prints its own lines, and no newline before the test's first.
        let words = lines.find_map(|line| {
            let line = line.unwrap();
            line.find("READY ").map(|start| line[start..].to_owned())
        });
        let words = words.expect("the helper says why it failed on its standard error");
        let words: Vec<&str> = words.split(' ').collect();
        Self {
            postmaster: words[1].parse().unwrap(),
            url: words[2].to_owned(),
            bin_dir: words[3].into(),
            stdin: child.stdin.take(),
            _stdout: lines,
            child,
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end as programs do.
    pub(crate) fn finish(&mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how a test binary is told to be a helper"
)]
fn helper_process() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else {
        return;
    };
    let dir = PathBuf::from(dir);
    if role == "server" {
        let mut options = Options::new(dir.join("pg"));
        options.socket_dir = Some(dir.join("socket"));
        let server = Server::start(&options).unwrap();
        tell(
            server.pid().unwrap(),
            &server.url("lockstep"),
            server.bin_dir(),
        );
        wait_for_end_of_input();
    } else {
        let cluster = Cluster::join(&dir, Duration::from_secs(1)).unwrap();
        tell(cluster.pid(), &cluster.url("postgres"), cluster.bin_dir());
        wait_for_end_of_input();
    }
}

fn tell(pid: u32, url: &str, bin_dir: &Path) {
    let mut out = std::io::stdout();
    writeln!(out, "READY {pid} {url} {}", bin_dir.display()).unwrap();
    out.flush().unwrap();
}

fn wait_for_end_of_input() {
    std::io::stdin().lines().for_each(drop);
}
