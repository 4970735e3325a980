//! For the tests of this and other crates: a database that both schemas stand in, and connections to remotes that are
//! simulated on this machine.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use connectors::reach::{Reach, Service};
use engine::Client;
use engine::testing::Database;
use secrecy::SecretString;
use sqlx::PgPool;

use crate::connection::{Connections, Declared, credential};
use crate::seal::Keyring;
use crate::store::migrate::MIGRATOR;

/// What seals the secrets of tests: a line of a key file.
pub const KEY: &str = "old:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Clones one from a template, which the first test of a run migrates.
///
/// # Panics
/// When Postgres is not installed or does not start.
pub async fn database() -> Database {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    let name = format!("_sync_{:016x}", hasher.finish());
    Database::filled(&name, |pool| Box::pin(migrated(pool))).await
}

#[expect(
    clippy::expect_used,
    reason = "a test cannot go on without its database"
)]
async fn migrated(pool: PgPool) {
    crate::migrate(&pool).await.expect("schema sync");
}

/// A connection of which settings say no more than this.
pub fn declared(name: &str, service: Service, base_url: String) -> Declared {
    Declared {
        name: name.to_owned(),
        service,
        base_url,
        identity_url: None,
        centre: None,
        page_size: None,
        refill: None,
        given: BTreeMap::new(),
    }
}

/// Connections as a process knows them, to remotes on this machine.
pub fn connections(engine: &Client, declared: Vec<Declared>, keys: Option<Keyring>) -> Connections {
    let reach = Reach {
        loopback: true,
        ..Reach::default()
    };
    Connections::new(engine.clone(), declared, reach, keys)
}

/// The ring with [`KEY`] alone.
///
/// # Panics
/// Never: the key is whole.
#[expect(clippy::expect_used, reason = "the line is above")]
pub fn keyring() -> Keyring {
    Keyring::parse(KEY).expect("a key")
}

/// Makes the connections known, and gives the one of that name its secrets.
///
/// # Errors
/// Those of [`credential::set`].
pub async fn authorise(
    connections: &Connections,
    pool: &PgPool,
    name: &str,
    secrets: &[(&str, &str)],
) -> Result<(), crate::Error> {
    connections.declare().await?;
    let mut tx = pool.begin().await?;
    for (field, value) in secrets {
        let secret = SecretString::from(*value);
        credential::set(connections, &mut tx, (name, field), &secret, "nok").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Of a process, in MB, by a line of its status, as `VmRSS:`; 0 where the system does not say.
pub fn memory(process: &str, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let found = status.lines().find_map(|one| one.strip_prefix(line));
    let kilobytes = found.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_024
}
