//! A process of the tests' own program that runs one of its tests alone: it can be killed. Such a test is a
//! helper, which does nothing unless its parent says by environment what to do.

use std::process::{Child, Command, Stdio};

/// Dropping it kills it.
pub(crate) struct Process(Child);

impl Process {
    /// Runs the helper of this path, as `scale::fleet::helper_process`, with these variables.
    pub(crate) fn start(helper: &str, said: &[(&str, &str)]) -> Process {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([helper, "--exact", "--nocapture"])
            .envs(said.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }

    /// `STOP` freezes it where it stands, `CONT` wakes it.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([format!("-{name}"), self.0.id().to_string()])
            .status();
        assert!(done.unwrap().success(), "kill -{name}");
    }

    /// On Unix this is SIGKILL: nothing is told to anybody.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Megabytes that the process holds; none where the system does not say.
    pub(crate) fn memory(&self) -> Option<f64> {
        self.megabytes("VmRSS:")
    }

    /// The most that it ever held.
    pub(crate) fn peak_memory(&self) -> Option<f64> {
        self.megabytes("VmHWM:")
    }

    fn megabytes(&self, name: &str) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already dead, some of them.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
