//! Makes directories with exactly the permissions meant, whatever the umask is.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Error;

/// Only the owner may enter.
pub(crate) const PRIVATE: u32 = 0o700;
/// Everybody may enter. As root the server's user must pass through; what matters lies deeper.
pub(crate) const OPEN: u32 = 0o755;

/// Makes `dir` and its missing parents with `mode`. What exists already is left as it is.
pub(crate) fn ensure(dir: &Path, mode: u32) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        ensure(parent, mode)?;
    }
    make(dir, mode).map(|_| ())
}

/// Makes `dir` with `mode`; says whether it was missing.
pub(crate) fn make(dir: &Path, mode: u32) -> Result<bool, Error> {
    match std::fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(Error::file("make the directory", dir)(error)),
    }
    std::fs::set_permissions(dir, Permissions::from_mode(mode))
        .map_err(Error::file("set the permissions of", dir))?;
    Ok(true)
}

/// Makes a rename or a new file in `dir` survive a power cut.
pub(crate) fn sync(dir: &Path) -> Result<(), Error> {
    std::fs::File::open(dir)
        .and_then(|opened| opened.sync_all())
        .map_err(Error::file("sync", dir))
}
