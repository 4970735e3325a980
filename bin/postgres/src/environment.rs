//! The one place that reads environment variables.
//!
//! They are the ones systemd and the XDG rules define for "where may I keep things"; `bin/config`
//! may overrule every place they lead to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::sys;

const APP: &str = "lockstep";

/// Where data is kept when nobody said where.
///
/// systemd's `$STATE_DIRECTORY`, else for root `/var/lib/lockstep`, else `$XDG_DATA_HOME/lockstep`
/// or `~/.local/share/lockstep`; always with `/pg` below. Never under `/root`, which the user
/// `postgres` cannot enter.
pub(crate) fn data_dir() -> PathBuf {
    let system = || Path::new("/var/lib").join(APP);
    let home = || match sys::effective_uid() {
        0 => None,
        uid => user_data_home(uid).map(|dir| dir.join(APP)),
    };
    first_of_list("STATE_DIRECTORY")
        .or_else(home)
        .unwrap_or_else(system)
        .join("pg")
}

/// The parents a socket directory may go in, best first; the last resorts are short and temporary.
pub(crate) fn runtime_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    dirs.extend(first_of_list("RUNTIME_DIRECTORY"));
    if sys::effective_uid() == 0 {
        dirs.push(Path::new("/run").join(APP));
    } else {
        dirs.extend(absolute("XDG_RUNTIME_DIR").map(|dir| dir.join(APP)));
    }
    dirs
}

/// The directory for what need not outlive the machine.
pub(crate) fn temporary_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The search path for programs. Relative entries are dropped: as root, they would run whatever
/// lies in the current directory.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = get("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .collect()
}

/// The variables a child may see. `PG*` and locale variables change how Postgres behaves, so
/// everything else is withheld.
pub(crate) fn for_children() -> Vec<(&'static str, OsString)> {
    let mut variables = vec![("LC_ALL", OsString::from("C"))];
    for name in ["PATH", "TZ"] {
        variables.extend(get(name).map(|value| (name, value)));
    }
    variables
}

/// The home directory, for per-user package profiles.
pub(crate) fn home() -> Option<PathBuf> {
    absolute("HOME")
}

fn user_data_home(uid: u32) -> Option<PathBuf> {
    let from_passwd = || {
        let user = sys::user_by_id(uid).ok().flatten()?;
        Some(PathBuf::from(user.home))
    };
    absolute("XDG_DATA_HOME").or_else(|| {
        home()
            .or_else(from_passwd)
            .map(|home| home.join(".local/share"))
    })
}

/// systemd separates several directories by colons; the first is the unit's main one.
fn first_of_list(name: &str) -> Option<PathBuf> {
    let list = get(name)?;
    std::env::split_paths(&list).find(|dir| dir.is_absolute())
}

fn absolute(name: &str) -> Option<PathBuf> {
    get(name).map(PathBuf::from).filter(|dir| dir.is_absolute())
}

#[expect(
    clippy::disallowed_methods,
    reason = "places given by systemd and XDG are read here and nowhere else"
)]
fn get(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
