//! One Postgres for all tests of a run, shared by processes that know nothing of each other.
//!
//! `cargo nextest` runs every test in a process of its own, so the first one to ask starts the
//! server and the others join it. It outlives them all by a few seconds and then stops by itself,
//! also after a SIGKILL of the whole run. Durability is off: this is for tests only.
//!
//! ```no_run
//! let cluster = postgres::testing::cluster();
//! let template = cluster.template("migrations-3f2a", |url| { /* migrate the database at url */ })?;
//! let database = cluster.create(&template)?; // dropped with the value
//! # Ok::<(), postgres::Error>(())
//! ```

mod database;
mod join;
mod psql;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

pub use database::Database;

use crate::error::Error;
use crate::url;
use crate::{environment, sys};

/// The role that owns everything on the test server.
const USER: &str = "lockstep";

/// Longer than the gap between two tests of a run, short enough that nobody finds the server.
const GRACE: Duration = Duration::from_secs(10);

/// The test server, joined. It stays up at least as long as this value.
#[derive(Debug)]
pub struct Cluster {
    socket_dir: PathBuf,
    bin_dir: PathBuf,
    /// Where marks and locks go; removed together with the server.
    dir: PathBuf,
    pid: u32,
    // Shared lock on `users.lock`: as long as one process holds it, the server stays.
    _user: File,
}

/// The test server of this machine and user, started if nobody has yet.
///
/// It lives in `lockstep-test-<uid>` in the temporary directory.
///
/// # Panics
/// When Postgres is not installed or does not start, with the reason.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let name = format!("lockstep-test-{}", sys::effective_uid());
        match Cluster::join(&environment::temporary_dir().join(name), GRACE) {
            Ok(cluster) => cluster,
            Err(error) => panic!("no Postgres for tests: {error} ({error:?})"),
        }
    })
}

impl Cluster {
    /// Joins the test server in `dir`, or starts it there to stop `grace` (in whole seconds, at
    /// least one) after its last user.
    ///
    /// `dir` is made when missing and must be ours. The two empty lock files in it stay: removing
    /// them would let two processes hold "the same" lock.
    ///
    /// # Errors
    /// Those of [`Server::start`](crate::Server::start).
    pub fn join(dir: &Path, grace: Duration) -> Result<Self, Error> {
        join::join(dir, grace)
    }

    /// The address of `database` on this server.
    pub fn url(&self, database: &str) -> String {
        url::url(&self.socket_dir, USER, database)
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The directory of the programs in use.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }
}
