//! Zones: the music players of a company, as its last sync left them.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;

use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;

/// How a zone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its player is connected and its subscription runs.
    Online,
    /// It has a player, which is not connected.
    Offline,
    /// It was paired and has no device.
    NoDevice,
    /// It was never paired.
    Pending,
    /// Its subscription has run out.
    Expired,
}

impl Status {
    /// The word in the table and in filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::Offline => "offline",
            Status::NoDevice => "no_device",
            Status::Pending => "pending",
            Status::Expired => "expired",
        }
    }

    /// The status of a word, if it is one.
    pub fn parse(word: &str) -> Option<Status> {
        [
            Status::Online,
            Status::Offline,
            Status::NoDevice,
            Status::Pending,
            Status::Expired,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Zone {
    /// Its id here.
    pub id: i64,
    /// Whose it is.
    pub company_id: i64,
    /// Its id at Soundtrack, which is its identity; none for a row that no listing has named yet.
    pub soundtrack_zone_id: Option<String>,
    /// An attribute: it changes, and two zones may share one.
    pub name: String,
    /// How it stood when it was last observed.
    pub status: Status,
    /// The name of its player.
    pub device_name: Option<String>,
    /// The last observation that found it online.
    pub last_seen_online: Option<Timestamp>,
    /// The last time that an answer named it.
    pub last_api_sync_at: Option<Timestamp>,
    /// Since when complete walks have not found it.
    pub orphaned_at: Option<Timestamp>,
    /// The answer that the row was last written from, as it came.
    pub raw: Option<Value>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

/// Which zones a list shows. What is not said does not restrict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this company.
    pub company_id: Option<i64>,
    /// In this status.
    pub status: Option<Status>,
    /// Only orphans, or none.
    pub orphaned: Option<bool>,
    /// Only those with a greater id: the cursor of the next page.
    pub after: Option<i64>,
}

/// A page of zones in the order of their ids, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`], as everything here.
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Zone, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::zone::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |zone| Cursor::of(zone.id)))
}

/// One zone, if there is such.
pub async fn get(pool: &PgPool, id: i64) -> Result<Option<Zone>, Error> {
    store::zone::get(&mut *pool.acquire().await?, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_from_its_word() {
        for word in ["online", "offline", "no_device", "pending", "expired"] {
            let status = Status::parse(word).expect(word);

            assert_eq!(status.as_str(), word);
            assert_eq!(serde_json::to_value(status).unwrap(), word);
        }
        assert_eq!(Status::parse("Online"), None);
    }
}
