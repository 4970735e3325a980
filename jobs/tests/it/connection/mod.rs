//! Connections: credentials at rest, and their renewal over many processes.

mod creatio;
mod findings;
mod keys;
mod parked;
mod refresh;
mod refused;
mod secrets;

use connectors::reach::Service;
use connectors::zoho::DataCentre;
use engine::Client;
use engine::testing::Database;
use jobs::connection::{Connections, Declared, credential};
use jobs::seal::Keyring;
use jobs::testing;
use secrecy::SecretString;
use sim::zoho::{Config, Simulator};

use crate::support::PATIENCE;

pub(crate) const OLD: &str = testing::KEY;
pub(crate) const NEW: &str = "new:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef";
pub(crate) const ZOHO: &str = "zoho/10234695";

pub(crate) fn ring(lines: &[&str]) -> Keyring {
    Keyring::parse(&lines.join("\n")).unwrap()
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited {PATIENCE:?} until {what}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The simulator's organisation, its secrets in the database.
pub(crate) fn declared(base_url: &str) -> Declared {
    Declared {
        centre: Some(DataCentre::Us),
        ..testing::declared(ZOHO, Service::Zoho, base_url.to_owned())
    }
}

pub(crate) fn connections(engine: &Client, base_url: &str, keys: Option<Keyring>) -> Connections {
    testing::connections(engine, vec![declared(base_url)], keys)
}

/// A database and a simulated vendor.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) zoho: Simulator,
}

impl House {
    pub(crate) async fn new() -> House {
        House::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> House {
        let (database, zoho) = tokio::join!(jobs::testing::database(), Simulator::start(config));
        House {
            database,
            zoho: zoho.unwrap(),
        }
    }

    pub(crate) fn connections(&self, keys: &[&str]) -> Connections {
        let keys = (!keys.is_empty()).then(|| ring(keys));
        connections(self.database.client(), &self.zoho.api_domain(), keys)
    }

    pub(crate) fn connections_with(&self, keys: &[&str], page_size: u16) -> Connections {
        let declared = Declared {
            page_size: Some(page_size),
            ..declared(&self.zoho.api_domain())
        };
        testing::connections(self.database.client(), vec![declared], Some(ring(keys)))
    }

    /// Connections whose secrets were given.
    pub(crate) async fn authorised(&self) -> Connections {
        let all = self.connections(&[OLD]);
        self.authorise(&all).await;
        all
    }

    /// The same, with a page of so many items.
    pub(crate) async fn authorised_with(&self, page_size: u16) -> Connections {
        let all = self.connections_with(&[OLD], page_size);
        all.declare().await.unwrap();
        self.authorise(&all).await;
        all
    }

    async fn authorise(&self, all: &Connections) {
        let config = self.zoho.config();
        for (field, value) in [
            ("client_id", &config.client_id),
            ("client_secret", &config.client_secret),
            ("refresh_token", &config.refresh_token),
        ] {
            self.set(all, field, value).await.unwrap();
        }
    }

    pub(crate) async fn set(
        &self,
        all: &Connections,
        field: &str,
        value: &str,
    ) -> Result<i64, jobs::Error> {
        let mut tx = self.database.pool().begin().await.unwrap();
        let secret = SecretString::from(value);
        let version = credential::set(all, &mut tx, (ZOHO, field), &secret, "nok").await?;
        tx.commit().await.unwrap();
        Ok(version)
    }

    /// Calls for a token that the vendor saw.
    pub(crate) fn mints(&self) -> usize {
        let log = self.zoho.log();
        log.iter()
            .filter(|call| call.path.ends_with("/token"))
            .count()
    }

    /// One number or word of the credential's row.
    pub(crate) async fn row(&self, column: &str) -> String {
        let sql = format!("select {column}::text from sync.credential where connection = '{ZOHO}'");
        let found: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(self.database.pool())
            .await
            .unwrap();
        found.unwrap_or_default()
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql)
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}
