//! Makes the cluster in `data/` once, and checks it ever after.
//!
//! A new cluster grows in `data.tmp/` and is renamed when it is whole, so a crash half-way leaves
//! nothing that looks like data. What is in `data/` is never initialised again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::binaries::{Binaries, find_binaries};
use crate::child;
use crate::database::{self, Ledger};
use crate::directory::{self, PRIVATE};
use crate::error::Error;
use crate::identity::Identity;
use crate::leftovers;
use crate::patience;
use crate::sys::{self, Signal};

const REMOVE_LIMIT: Duration = Duration::from_secs(10);

/// How a cluster is found or made.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The parent of `data/`, free of symbolic links. Its lock is held.
    pub(crate) data_dir: &'a Path,
    pub(crate) bin_dir: Option<&'a Path>,
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) durable: bool,
    pub(crate) identity: &'a Identity,
}

pub(crate) fn data(data_dir: &Path) -> PathBuf {
    data_dir.join("data")
}

impl Plan<'_> {
    /// Brings the cluster and its database into being, and says which programs can run it.
    ///
    /// # Errors
    /// [`Error::MajorMismatch`], [`Error::WrongOwner`] or [`Error::NotACluster`] for data that must
    /// not be touched; [`Error::NotInitialised`] when `initdb` fails.
    pub(crate) fn prepare(&self, socket_dir: &Path) -> Result<Binaries, Error> {
        let data = data(self.data_dir);
        let unfinished = self.data_dir.join("data.tmp");
        remove_unfinished(&unfinished)?;
        let binaries = match self.existing_major(&data)? {
            Some(major) => {
                let binaries = self.binaries(Some(major))?;
                self.identity.must_own(&data)?;
                leftovers::clear(&data, socket_dir)?;
                binaries
            }
            None => {
                let binaries = self.binaries(None)?;
                self.identity.must_have_a_name()?;
                self.make(&unfinished, &data, &binaries)?;
                binaries
            }
        };
        let ledger = Ledger::in_dir(self.data_dir);
        if !ledger.holds(self.database) {
            self.create_database(&data, &binaries)?;
            ledger.add(self.database)?;
        }
        Ok(binaries)
    }

    fn binaries(&self, major: Option<u32>) -> Result<Binaries, Error> {
        find_binaries(self.bin_dir, major).map_err(|error| match error {
            Error::MajorMismatch {
                data_major, found, ..
            } => Error::MajorMismatch {
                data_dir: self.data_dir.display().to_string(),
                data_major,
                found,
            },
            other => other,
        })
    }

    /// The major that wrote `data`, or `None` when there is nothing in it.
    fn existing_major(&self, data: &Path) -> Result<Option<u32>, Error> {
        let foreign = || Error::NotACluster {
            path: data.to_owned(),
        };
        let file = data.join("PG_VERSION");
        match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| foreign()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::file("read", &file)(error))
            }
            Err(_) if is_missing_or_empty(data) => Ok(None),
            Err(_) => Err(foreign()),
        }
    }

    fn make(&self, unfinished: &Path, data: &Path, binaries: &Binaries) -> Result<(), Error> {
        directory::make(unfinished, PRIVATE)?;
        self.identity.give(unfinished)?;
        self.initdb(unfinished, binaries)?;
        self.create_database(unfinished, binaries)?;
        // An empty `data/`, as a fresh volume has, is replaced by the rename.
        std::fs::rename(unfinished, data).map_err(Error::file("rename", unfinished))?;
        directory::sync(self.data_dir)?;
        Ledger::in_dir(self.data_dir).add(self.database)
    }

    fn initdb(&self, target: &Path, binaries: &Binaries) -> Result<(), Error> {
        let program = binaries.program("initdb");
        let mut command = child::command(&program, target, self.identity);
        sys::tied_to_this_thread(&mut command, Signal::Quit);
        command.arg("-D").arg(target).arg("-U").arg(self.user);
        command.args(["-E", "UTF8", "--data-checksums"]);
        // Trust is safe on a socket only its user can reach; there is no network to reject, but
        // a person who opens one by hand should find it closed.
        command.args(["--auth-local=trust", "--auth-host=reject"]);
        // From 17 on Postgres brings this locale itself, so sorting no longer depends on libc.
        if binaries.major >= 17 {
            command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
        }
        command.arg(if cfg!(target_os = "macos") {
            "--locale=C"
        } else {
            "--locale=C.UTF-8"
        });
        if !self.durable {
            command.arg("--no-sync");
        }
        let output = child::run(&mut command, "")
            .map_err(|source| child::not_spawned(source, &program, target, self.identity))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::NotInitialised {
            path: target.to_owned(),
            output: child::said(&output),
        })
    }

    fn create_database(&self, data: &Path, binaries: &Binaries) -> Result<(), Error> {
        database::create(data, self.database, self.durable, binaries, self.identity)
    }
}

fn is_missing_or_empty(dir: &Path) -> bool {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Removes what a crash during initialisation left. Programs it had started may still be ending,
/// and write while we remove, hence the second tries.
fn remove_unfinished(dir: &Path) -> Result<(), Error> {
    let mut outcome = Ok(());
    let removed = patience::until(REMOVE_LIMIT, || {
        outcome = std::fs::remove_dir_all(dir);
        match &outcome {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    });
    match outcome {
        Ok(()) => tracing::info!("removed an unfinished cluster in {}", dir.display()),
        Err(error) if !removed => return Err(Error::file("remove", dir)(error)),
        Err(_) => {}
    }
    Ok(())
}
