//! The settings a server is started with.
//!
//! They go on its command line, where neither `postgresql.conf` nor `alter system` can overrule
//! them.

use std::ffi::OsString;
use std::path::Path;

use crate::Error;

/// Settings that decide whether data is safe and who may connect. Not up for choice.
const RESERVED: [&str; 21] = [
    "config_file",
    "data_directory",
    "data_sync_retry",
    "external_pid_file",
    "fsync",
    "full_page_writes",
    "hba_file",
    "ident_file",
    "ignore_checksum_failure",
    "listen_addresses",
    "log_destination",
    "logging_collector",
    "port",
    "restart_after_crash",
    "synchronous_commit",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "wal_sync_method",
    "zero_damaged_pages",
    "allow_system_table_mods",
];

/// Checks the caller's settings.
///
/// # Errors
/// [`Error::ReservedSetting`] or [`Error::BadSetting`] for the first that will not do.
pub(crate) fn check(settings: &[(String, String)]) -> Result<(), Error> {
    for (name, value) in settings {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
        if name.is_empty() || !name.chars().all(plain) || value.contains('\0') {
            return Err(Error::BadSetting { name: name.clone() });
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::ReservedSetting { name: name.clone() });
        }
    }
    Ok(())
}

/// The arguments for `postgres`, in the order in which later ones win.
pub(crate) fn arguments(
    socket_dir: &Path,
    durable: bool,
    extra: &[(String, String)],
) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut set = |name: &str, value: OsString| {
        let mut argument = OsString::from(format!("{name}="));
        argument.push(value);
        arguments.push(OsString::from("-c"));
        arguments.push(argument);
    };
    set("timezone", "UTC".into());
    set("log_timezone", "UTC".into());
    for (name, value) in extra {
        set(name, value.into());
    }
    set("listen_addresses", "".into());
    set("unix_socket_directories", quoted(socket_dir));
    set("unix_socket_permissions", "0700".into());
    set("log_destination", "stderr".into());
    set("logging_collector", "off".into());
    let safety = if durable { "on" } else { "off" };
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        set(name, safety.into());
    }
    arguments
}

/// The setting is a list separated by commas, in which quotes protect a name.
fn quoted(dir: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut text = vec![b'"'];
    for &byte in dir.as_os_str().as_bytes() {
        if byte == b'"' {
            text.push(b'"');
        }
        text.push(byte);
    }
    text.push(b'"');
    OsString::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_endanger_data_or_privacy_are_refused() {
        let check = |name: &str| check(&[(name.to_owned(), "on".to_owned())]);

        assert!(check("max_connections").is_ok());
        assert!(check("auto_explain.log_analyze").is_ok());
        for name in ["fsync", "FSYNC", "listen_addresses", "synchronous_commit"] {
            assert!(
                matches!(check(name), Err(Error::ReservedSetting { .. })),
                "{name}"
            );
        }
        for name in ["", "a=b", "a b", "-D"] {
            assert!(
                matches!(check(name), Err(Error::BadSetting { .. })),
                "{name}"
            );
        }
    }
}
