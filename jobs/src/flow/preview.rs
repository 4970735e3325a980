//! Preview: what a pull would do, found out by walking and comparing, with nothing written.
//!
//! The walk is the same as a run's, without its transactions: pages are compared with what is stored and
//! forgotten. Throttled calls wait here, since there is no job to be put off.

use std::collections::HashSet;
use std::time::Duration;

use connectors::Verdict;
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;

use super::{Bad, Counters, Mode, Next, Page, Partition, Progress, Stream, finish, open};
use crate::plan::classify::{Class, classify};
use crate::plan::sweep::{self, decide};
use crate::store::record::Missing;
use crate::{Env, Error, store};

/// Records whose differences are told one by one. All are counted.
const TOLD: usize = 1_000;
/// When a refusal names no wait.
const THROTTLED: Duration = Duration::from_secs(10);
/// Who looks at a preview waits for it; what takes longer, as a day's budget does, is told instead.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a pull would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// What is listed: `zoho.products`.
    pub stream: String,
    /// Whose listing.
    pub partition: String,
    /// How much of it was asked for.
    pub mode: Mode,
    /// Pages read.
    pub pages: i32,
    /// What would become of the records. `gone` are those that would be marked.
    #[serde(flatten)]
    pub counters: Counters,
    /// Rows that this walk did not name.
    pub missing: u64,
    /// How the sweep would end, as in a run; `walk_again`: only a second walk would tell.
    pub sweep: String,
    /// The differences, field by field, of the first thousand records.
    pub changes: Vec<RecordChange>,
    /// True when there are more.
    pub is_cut: bool,
}

/// What would become of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordChange {
    /// Its id at the remote.
    pub key: String,
    /// `created`, `updated`, `revived`, `gone` or `quarantined`.
    pub event: String,
    /// From what to what: `{"price": ["6", "7"]}`.
    pub changes: Value,
}

/// Walks the stream once and writes nothing.
///
/// # Errors
/// [`Error::Remote`]; [`Error::Database`].
pub(crate) async fn preview<S: Stream>(env: &Env, stream: &S) -> Result<Preview, Error> {
    let partition = stream.partition();
    let mut conn = env.pool.acquire().await?;
    let (mode, since) = open::ask_for(&mut conn, stream, &partition).await?;
    drop(conn);
    let mut walk = Walk::new::<S>(&partition, mode);
    let mut cursor = None;
    loop {
        let page = fetch(env, stream, cursor.take(), since).await?;
        walk.pages += 1;
        let next = page.next.clone();
        let mut conn = env.pool.acquire().await?;
        walk.take::<S>(&mut conn, &partition, page).await?;
        match next {
            Next::More(place) if walk.is_news => cursor = Some(place),
            Next::More(_) | Next::Unclear => walk.is_clean = false,
            Next::Drifted => walk.has_drifted = true,
            Next::End => {}
        }
        if cursor.is_none() {
            return walk.end(env, &mut conn, stream).await;
        }
    }
}

async fn fetch<S: Stream>(
    env: &Env,
    stream: &S,
    cursor: Option<String>,
    since: Option<jiff::Timestamp>,
) -> Result<Page, Error> {
    loop {
        match stream.page(cursor.clone(), since).await {
            Ok(page) => return Ok(page),
            Err(error) => match error.verdict() {
                Verdict::Throttled { after } if after.unwrap_or(THROTTLED) <= PATIENCE => {
                    tokio::time::sleep(after.unwrap_or(THROTTLED)).await;
                }
                _ => return Err(env.connections.judge(stream.connection(), error).await),
            },
        }
    }
}

/// A walk so far.
struct Walk {
    preview: Preview,
    pages: i32,
    met: HashSet<String>,
    total: Option<u64>,
    is_clean: bool,
    has_drifted: bool,
    is_news: bool,
}

impl Walk {
    fn new<S: Stream>(partition: &Partition, mode: Mode) -> Walk {
        Walk {
            preview: Preview {
                stream: S::NAME.to_owned(),
                partition: partition.key(),
                mode,
                pages: 0,
                counters: Counters::default(),
                missing: 0,
                sweep: String::new(),
                changes: Vec::new(),
                is_cut: false,
            },
            pages: 0,
            met: HashSet::new(),
            total: None,
            is_clean: true,
            has_drifted: false,
            is_news: false,
        }
    }

    async fn take<S: Stream>(
        &mut self,
        conn: &mut PgConnection,
        partition: &Partition,
        page: Page,
    ) -> Result<(), Error> {
        self.preview.counters.fetched += i32::try_from(page.fetched).unwrap_or(i32::MAX);
        let named = self.met.len();
        let is_empty = page.records.is_empty() && page.bad.is_empty();
        self.has_drifted |=
            page.total.is_some() && self.total.is_some() && page.total != self.total;
        self.total = self.total.or(page.total);
        let records: Vec<_> = page.records.iter().collect();
        let stored = store::record::stored(conn, &S::TABLE, partition, &records).await?;
        for record in &page.records {
            if !self.met.insert(record.key.clone()) {
                self.preview.counters.duplicate += 1;
                continue;
            }
            let (class, changes) = classify(stored.get(&record.key), record);
            self.preview.counters.count(class);
            if let Some(event) = class.word()
                && (class != Class::Updated || !changes.is_empty())
            {
                self.tell(&record.key, event, Value::Object(changes));
            }
        }
        self.is_clean &= page.bad.iter().all(|bad| bad.key.is_some());
        self.take_bad::<S>(conn, partition, &page.bad).await?;
        self.take_gone::<S>(conn, partition, &page.gone).await?;
        self.is_news = is_empty || self.met.len() > named;
        Ok(())
    }

    async fn take_bad<S: Stream>(
        &mut self,
        conn: &mut PgConnection,
        partition: &Partition,
        bad: &[Bad],
    ) -> Result<(), Error> {
        let ignored = store::quarantine::ignored(conn, S::NAME, &partition.key(), bad).await?;
        for one in bad {
            let key = one.quarantine_key();
            let is_new = one.key.is_none() || self.met.insert(key.clone());
            let counters = &mut self.preview.counters;
            if !is_new {
                counters.duplicate += 1;
            } else if ignored.contains(&key) {
                counters.ignored += 1;
            } else {
                counters.quarantined += 1;
                let why =
                    serde_json::json!({one.field.as_str(): format!("is not {}", one.expected)});
                self.tell(&key, "quarantined", why);
            }
        }
        Ok(())
    }

    async fn take_gone<S: Stream>(
        &mut self,
        conn: &mut PgConnection,
        partition: &Partition,
        gone: &[String],
    ) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        let known = store::record::known_among(conn, &S::TABLE, partition, gone).await?;
        let (known, unknown): (Vec<_>, Vec<_>) = gone.iter().partition(|key| known.contains(*key));
        for key in known {
            self.preview.counters.gone += 1;
            self.tell(key, "gone", Value::Object(serde_json::Map::new()));
        }
        let unknown: Vec<Bad> = unknown.into_iter().map(|key| Bad::unknown(key)).collect();
        self.take_bad::<S>(conn, partition, &unknown).await
    }

    fn tell(&mut self, key: &str, event: &str, changes: Value) {
        if self.preview.changes.len() >= TOLD {
            self.preview.is_cut = true;
            return;
        }
        self.preview.changes.push(RecordChange {
            key: key.to_owned(),
            event: event.to_owned(),
            changes,
        });
    }

    /// What the sweep would make of it. A second walk would be asked for as the first one is judged.
    async fn end<S: Stream>(
        mut self,
        env: &Env,
        conn: &mut PgConnection,
        stream: &S,
    ) -> Result<Preview, Error> {
        self.preview.pages = self.pages;
        let partition = stream.partition();
        let mut missing = Missing::default();
        if self.preview.mode == Mode::All {
            let live = store::record::live(conn, &S::TABLE, &partition).await?;
            missing.known = live.len() as u64;
            missing.keys = live
                .into_iter()
                .filter(|key| !self.met.contains(key))
                .collect();
        }
        let principal = env.connections.principal(conn, stream.connection()).await?;
        let known = store::run::known(conn, S::NAME, &partition).await?;
        let at_end = Progress::previewed(stream, self.preview.mode, principal, known);
        let walk = sweep::Walk {
            number: 1,
            pages: self.pages.unsigned_abs(),
            distinct: self.met.len() as u64,
            total: self.total,
            is_clean: self.is_clean,
            has_drifted: self.has_drifted,
        };
        let verdict = decide(&walk, &finish::evidence(&at_end, &missing, principal));
        self.preview.missing = missing.keys.len() as u64;
        self.preview.sweep = verdict.word().unwrap_or("walk_again").to_owned();
        if verdict == sweep::Verdict::Sweep
            || (verdict == sweep::Verdict::WalkAgain && walk.is_complete())
        {
            for key in &missing.keys {
                self.tell(key, "gone", Value::Object(serde_json::Map::new()));
            }
        }
        Ok(self.preview)
    }
}
