//! Connection addresses for a server that listens on a Unix socket only.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The port is only the socket's file name: `.s.PGSQL.5432`.
pub(crate) const PORT: u16 = 5432;

/// The address of `database` on the server whose socket is in `socket_dir`.
///
/// libpq and sqlx both read it. `localhost` is never contacted: `host` overrules it, but the `url`
/// crate below sqlx refuses a user without a host. Port and TLS mode are spelled out because both
/// clients would otherwise take them from `PGPORT` and `PGSSLMODE`.
pub(crate) fn url(socket_dir: &Path, user: &str, database: &str) -> String {
    format!(
        "postgres://{}@localhost:{PORT}/{}?host={}&sslmode=disable",
        encode(user.as_bytes()),
        encode(database.as_bytes()),
        encode(socket_dir.as_os_str().as_bytes()),
    )
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_could_split_the_address_is_encoded() {
        let address = url(Path::new("/run/a b/é"), "me@x", "db?/1");

        assert_eq!(
            address,
            "postgres://me%40x@localhost:5432/db%3F%2F1?host=%2Frun%2Fa%20b%2F%C3%A9&sslmode=disable"
        );
    }
}
