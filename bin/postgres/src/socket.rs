//! Chooses and guards the directory the socket lives in.
//!
//! The server trusts whoever reaches the socket, so this directory **is** the access control: it
//! belongs to the server's user and nobody else may enter it.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::directory::{self, OPEN, PRIVATE};
use crate::environment;
use crate::identity::Identity;
use crate::sys;
use crate::url::PORT;

/// `sockaddr_un.sun_path` holds 108 bytes on Linux, one of them the final NUL.
const PATH_LIMIT: usize = 107;

#[derive(Debug, Clone)]
pub(crate) struct SocketDir {
    pub(crate) path: PathBuf,
    /// The name was ours to choose, so the directory is ours to remove.
    chosen: bool,
}

impl SocketDir {
    /// The directory for the server of `data_dir`: `wanted`, or one of its own in the best parent.
    pub(crate) fn prepare(
        wanted: Option<&Path>,
        data_dir: &Path,
        identity: &Identity,
    ) -> Result<Self, Error> {
        if let Some(dir) = wanted {
            if fits(dir) {
                return claim(dir, identity).map(|path| Self {
                    path,
                    chosen: false,
                });
            }
            let dir = dir.display();
            tracing::warn!("the path {dir} is too long for a socket, using a temporary directory");
        }
        let mut fault = None;
        for dir in candidates(wanted.is_none(), data_dir) {
            if !fits(&dir) {
                continue;
            }
            match claim(&dir, identity) {
                Ok(path) => return Ok(Self { path, chosen: true }),
                Err(error) => fault = Some(error),
            }
        }
        Err(fault.unwrap_or_else(|| Error::SocketDir {
            dir: environment::temporary_dir(),
            why: format!("its path leaves no room for a socket ({PATH_LIMIT} bytes)"),
        }))
    }

    /// Tidies up after a server that has ended.
    pub(crate) fn release(&self) {
        if self.chosen {
            // It stays when something else put a file there; that is no reason to complain.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// One directory per data directory, so that two servers never meet.
fn candidates(runtime: bool, data_dir: &Path) -> Vec<PathBuf> {
    let name = short_name(data_dir);
    let mut dirs = Vec::new();
    if runtime {
        dirs.extend(
            environment::runtime_dirs()
                .iter()
                .map(|dir| dir.join(&name)),
        );
    }
    // Somebody else may have taken the first name in a shared directory; they cannot guess all.
    for parent in [environment::temporary_dir(), PathBuf::from("/tmp")] {
        dirs.push(parent.join(format!("lockstep-{name}")));
        dirs.push(parent.join(format!("lockstep-{name}-{}", std::process::id())));
    }
    dirs
}

/// FNV-1a: the name must be short and stay the same from start to start, not be secret.
pub(crate) fn short_name(path: &Path) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in path.as_os_str().as_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

pub(crate) fn fits(dir: &Path) -> bool {
    socket(dir).as_os_str().len() <= PATH_LIMIT
}

fn socket(dir: &Path) -> PathBuf {
    dir.join(format!(".s.PGSQL.{PORT}"))
}

/// The file in which a server notes that the socket is its own.
pub(crate) fn lock_file(dir: &Path) -> PathBuf {
    dir.join(format!(".s.PGSQL.{PORT}.lock"))
}

/// Makes `dir` private to the server's user, or refuses it. A directory with something in it is
/// never taken over: closing `/tmp` because a setting named it would break the machine.
fn claim(dir: &Path, identity: &Identity) -> Result<PathBuf, Error> {
    let refuse = |why: &str| Error::SocketDir {
        dir: dir.to_owned(),
        why: why.to_owned(),
    };
    // libpq reads `host` as a list separated by commas, with no way to protect one.
    if dir.as_os_str().as_bytes().contains(&b',') {
        return Err(refuse(
            "no client could name it, for its path holds a comma",
        ));
    }
    if let Some(parent) = dir.parent() {
        directory::ensure(parent, OPEN)?;
    }
    if directory::make(dir, PRIVATE)? {
        identity.give(dir)?;
        return Ok(dir.to_owned());
    }
    // Not followed: in a shared directory, a link could lead anywhere.
    let metadata = dir.symlink_metadata().map_err(Error::file("read", dir))?;
    if !metadata.is_dir() {
        return Err(refuse("it is not a directory"));
    }
    let closed = metadata.mode() & 0o077 == 0;
    if metadata.uid() == identity.uid && closed {
        return Ok(dir.to_owned());
    }
    let ours = [identity.uid, sys::effective_uid()].contains(&metadata.uid());
    if ours && is_empty(dir) {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(PRIVATE))
            .map_err(Error::file("set the permissions of", dir))?;
        identity.give(dir)?;
        return Ok(dir.to_owned());
    }
    Err(refuse(&format!(
        "it must be empty, or belong to {} with mode 0700",
        identity.name
    )))
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_may_have_107_bytes_and_no_more() {
        let of_length = |length: usize| PathBuf::from("/".to_owned() + &"d".repeat(length - 1));

        assert!(fits(&of_length(PATH_LIMIT - "/.s.PGSQL.5432".len())));
        assert!(!fits(&of_length(PATH_LIMIT - "/.s.PGSQL.5432".len() + 1)));
    }
}
