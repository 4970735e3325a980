//! The demo's Creatio: leads on both sides, and two that both sides edit, each in another field, so that a person must
//! say what counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jobs::creatio::conflict::{self, Conflict};
use jobs::creatio::record;
use jobs::creatio::{Sort, SyncAll, Totals, edit, sync_all_of};
use serde_json::{Map, Value, json};
use sim::creatio::{Change, Config, Guid, Simulator, Switches};
use sqlx::PgConnection;
use uuid::Uuid;

use super::kept::Kept;
use super::systems::Desk;
use crate::app::Session;
use crate::commands::conflict::view::theirs;
use crate::commands::sync::creatio::plan::word;
use crate::commands::sync::creatio::told::{of_counts, seen};
use crate::output::clean;

const CREATIO: &str = "creatio/demo";
/// When the simulator's clock begins, 2026-01-01, in seconds since 1970.
const BEGIN_S: i64 = 1_767_225_600;
/// Leads that only this side has at first, by ids that stay.
const OURS: [(u128, &str, &str, &str); 3] = [
    (0xde_0001, "Malee Srisai", "Riverside Hotel", "7200.00"),
    (0xde_0002, "Jonas Weber", "Alpenhof", "950.50"),
    (0xde_0003, "Aiko Tanaka", "Tanaka Foods", "31000.00"),
];

/// A lead that both sides edit.
struct Dispute {
    who: &'static str,
    field: &'static str,
    before: &'static str,
    ours: &'static str,
    theirs: &'static str,
    /// How the commands settle it.
    settled: &'static str,
}

const DISPUTES: [Dispute; 2] = [
    Dispute {
        who: "Anna Nováková",
        field: "budget",
        before: "1500.00",
        ours: "1800.00",
        theirs: "2400.00",
        settled: "--value 2100.00",
    },
    Dispute {
        who: "Miles O'Brien",
        field: "status",
        before: "New",
        ours: "Qualification",
        theirs: "Not interested",
        settled: "--take local",
    },
];

/// Its simulator, and where its records stay.
pub(super) struct Leads {
    simulator: Simulator,
    kept: Kept,
    /// Saves that have been kept.
    saves: AtomicUsize,
    /// An earlier demo made its records.
    is_later: bool,
}

/// What its first syncs did, and what they left to people, oldest first.
pub(super) struct Told {
    pub(super) totals: Totals,
    pub(super) conflicts: Vec<Conflict>,
}

impl Leads {
    pub(super) async fn start(kept: Kept) -> anyhow::Result<Leads> {
        let earlier = kept.read()?;
        let config = Config {
            leads: 6,
            contacts: 4,
            accounts: 2,
            activities: 3,
            // What changed since is asked for by the clock that dates the records.
            switches: Switches {
                dates_by_own_clock: true,
                ..Switches::default()
            },
            ..Config::default()
        };
        let simulator = Simulator::start(config).await;
        let leads = Leads {
            simulator: simulator.context("cannot start the simulated Creatio")?,
            kept,
            saves: AtomicUsize::new(0),
            is_later: earlier.is_some(),
        };
        leads.set_clock();
        if let Some(records) = &earlier {
            let restored = leads.simulator.restore(records);
            restored.map_err(anyhow::Error::msg)?;
            return Ok(leads);
        }
        for (id, dispute) in leads.disputed()? {
            leads.set(id, json!({"Contact": dispute.who}))?;
            leads.set(id, leads.column(dispute, dispute.before)?)?;
        }
        Ok(leads)
    }

    pub(super) fn is_later(&self) -> bool {
        self.is_later
    }

    /// Writes its records where they stay, unless nothing was saved since.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        let saves = self.simulator.saves().len();
        if saves == self.saves.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.kept.write(&self.simulator.kept())?;
        self.saves.store(saves, Ordering::Relaxed);
        Ok(())
    }

    /// Records of ours were synced with it, or with the one that it goes on for.
    pub(super) async fn was_synced(session: &Session) -> anyhow::Result<bool> {
        let filter = record::Filter {
            connection: Some(CREATIO.to_owned()),
            ..record::Filter::default()
        };
        Ok(!record::list(&session.env.pool, &filter, 1)
            .await?
            .data
            .is_empty())
    }

    /// It begins in the past, and a test of the connection would find that.
    #[expect(
        clippy::disallowed_methods,
        reason = "a vendor has a clock of its own, and no database of ours"
    )]
    fn set_clock(&self) {
        let behind = Timestamp::now().as_second() - BEGIN_S;
        self.simulator
            .advance(Duration::from_secs(u64::try_from(behind).unwrap_or(0)));
    }

    pub(super) fn url(&self) -> String {
        self.simulator.url()
    }

    pub(super) fn settings(&self) -> String {
        format!(
            "\n[connections.\"{CREATIO}\"]\nbase_url = \"{}\"\nidentity_url = \"{}\"\n",
            self.simulator.url(),
            self.simulator.identity_url()
        )
    }

    pub(super) fn secrets(&self) -> [(&'static str, &'static str, String); 2] {
        let config = self.simulator.config();
        [
            (CREATIO, "client_id", config.client_id.clone()),
            (CREATIO, "client_secret", config.client_secret.clone()),
        ]
    }

    /// All of it, then edits on both sides, then what has changed.
    pub(super) async fn sync(&self, desk: Desk<'_>) -> anyhow::Result<Told> {
        let session = desk.session;
        let sync = |changed| {
            let connection = Some(CREATIO.to_owned());
            let sync = SyncAll {
                connection,
                changed,
            };
            (sync_all_of(&sync, desk.app.env.user()), CREATIO)
        };
        let totals = desk.done(sync(false)).await?;
        self.keep()?;
        let filter = conflict::Filter {
            connection: Some(CREATIO.to_owned()),
            ..conflict::Filter::default()
        };
        // Whoever has settled them once has seen them.
        if conflict::list(&session.env.pool, &filter, 1)
            .await?
            .data
            .is_empty()
        {
            self.plant(session).await?;
            desk.done::<Totals>(sync(true)).await?;
        }
        self.keep()?;
        let waiting = conflict::waiting(&session.env.pool, &filter, 50).await?;
        let mut conflicts = waiting.data;
        conflicts.reverse();
        Ok(Told { totals, conflicts })
    }

    /// Both sides edit what is in dispute.
    async fn plant(&self, session: &Session) -> anyhow::Result<()> {
        let mut tx = session.env.pool.begin().await?;
        for (id, dispute) in self.disputed()? {
            let filter = record::Filter {
                sort: Some(Sort::Lead),
                remote_id: Some(id.to_string().parse()?),
                ..record::Filter::default()
            };
            let found = record::list(&session.env.pool, &filter, 1).await?.data;
            let here = found.first().and_then(|one| one.local_id);
            let here = here.with_context(|| format!("lead {id} was not synced"))?;
            let fields = Map::from_iter([(dispute.field.to_owned(), json!(dispute.ours))]);
            edit::put(&mut tx, CREATIO, Sort::Lead, vec![(here, fields)]).await?;
            self.set(id, self.column(dispute, dispute.theirs)?)?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The first leads that Creatio has.
    fn disputed(&self) -> anyhow::Result<Vec<(Guid, &'static Dispute)>> {
        let ids = self.simulator.records("Lead").into_iter();
        let ids = ids.map(|lead| lead["Id"].as_str().and_then(Guid::parse));
        let found: Vec<_> = ids.flatten().zip(&DISPUTES).collect();
        anyhow::ensure!(found.len() == DISPUTES.len(), "the simulator has no leads");
        Ok(found)
    }

    /// The column of what is in dispute, with a value as Creatio has it.
    fn column(&self, dispute: &Dispute, value: &str) -> anyhow::Result<Value> {
        if dispute.field == "budget" {
            return Ok(json!({"Budget": value}));
        }
        let id = self.simulator.lookup("QualifyStatus", value);
        let id = id.with_context(|| format!("the simulator has no status {value}"))?;
        Ok(json!({"QualifyStatusId": id.to_string()}))
    }

    /// A person edits a lead at Creatio.
    fn set(&self, id: Guid, set: Value) -> anyhow::Result<()> {
        let change = Change::set("Lead", id, set);
        self.simulator.change(change).map_err(anyhow::Error::msg)?;
        Ok(())
    }

    pub(super) async fn stop(self) {
        self.simulator.stop().await;
    }
}

/// Writes our leads, unless an earlier demo has: people may have edited them since.
pub(super) async fn seed(tx: &mut PgConnection) -> anyhow::Result<()> {
    let there = OURS.map(|(id, ..)| Uuid::from_u128(id));
    if edit::are_there(tx, CREATIO, Sort::Lead, &there).await? {
        return Ok(());
    }
    let rows = OURS.map(|(id, who, company, budget)| {
        let fields =
            json!({"contact_name": who, "company": company, "budget": budget, "status": "New"});
        let fields = fields.as_object().cloned().unwrap_or_default();
        (Uuid::from_u128(id), fields)
    });
    edit::put(tx, CREATIO, Sort::Lead, rows.to_vec()).await?;
    Ok(())
}

/// In one line.
pub(super) fn line(told: &Told) -> String {
    let totals = &told.totals;
    format!(
        "Synced {} with Creatio, both ways: {}",
        seen(totals.seen),
        of_counts(&totals.counts)
    )
}

/// What a person must settle, each with what both sides say and how to settle it.
pub(super) fn disputes(told: &Told) -> String {
    let mut text = String::new();
    for conflict in &told.conflicts {
        let (id, field) = (conflict.id, &conflict.field);
        let who = of(conflict).map_or("a lead", |dispute| dispute.who);
        text.push_str(&format!(
            "  {id}  {field} of {who}: was {}, is {} here and {} at Creatio\n      \
             lockstep sync creatio resolve {id} --take local, or --take creatio, or --value …\n",
            clean(&word(&conflict.base_local)),
            clean(&word(&conflict.ours)),
            clean(&word(theirs(conflict))),
        ));
    }
    text
}

/// Commands that settle them, and show that both sides agree then.
pub(super) fn commands(told: &Told) -> Vec<String> {
    let mut lines = vec!["lockstep sync creatio conflicts".to_owned()];
    for conflict in &told.conflicts {
        let resolve = format!("lockstep sync creatio resolve {}", conflict.id);
        let settled = of(conflict).map_or("--take creatio", |dispute| dispute.settled);
        lines.push(format!("{resolve} --take creatio --dry-run"));
        lines.push(format!("{resolve} {settled}"));
    }
    lines.push("lockstep sync creatio sync-all".to_owned());
    lines.push("lockstep sync creatio conflicts".to_owned());
    lines
}

fn of(conflict: &Conflict) -> Option<&'static Dispute> {
    DISPUTES.iter().find(|one| one.field == conflict.field)
}
