//! Storm: people edit and delete on both sides while the vendor fails, processes are killed and frozen at named
//! points, the database restarts, tokens run out and time jumps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jobs::creatio::{SyncAll, sync_all_of};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::Uuid;

use super::crew::{Crew, runner};
use super::point::{Caught, Point, Trap};
use super::server::Server;
use crate::creatio::converge::laws::Watermark;
use crate::creatio::converge::story::{Places, Story};
use crate::creatio::converge::{cut_connections, fault};
use crate::creatio::support::{CREATIO, House};

/// Longer than a sync takes to come to any point that it comes to at all.
const CATCH: Duration = Duration::from_secs(4);
/// Longer than a lease and the round that notices its end.
const THEFT: Duration = Duration::from_secs(20);
/// Longer than a process believes in a token without asking whether there is a newer one.
const TOKENS_LAST: Duration = Duration::from_secs(40);
/// The vendor's identity service is asked no oftener than eight times in ten minutes.
const MOST_EXPIRIES: usize = 5;

/// What was done to the system.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) kills: usize,
    pub(super) frozen: usize,
    pub(super) stolen: usize,
    pub(super) rolled_back: usize,
    pub(super) restarts: usize,
    pub(super) cuts: usize,
    pub(super) expiries: usize,
    pub(super) jumps: usize,
    pub(super) faults: usize,
    /// Who was caught where.
    pub(super) caught: BTreeMap<Point, usize>,
}

impl Tally {
    pub(super) fn add(&mut self, one: Tally) {
        self.kills += one.kills;
        self.frozen += one.frozen;
        self.stolen += one.stolen;
        self.rolled_back += one.rolled_back;
        self.restarts += one.restarts;
        self.cuts += one.cuts;
        self.expiries += one.expiries;
        self.jumps += one.jumps;
        self.faults += one.faults;
        for (point, times) in one.caught {
            *self.caught.entry(point).or_default() += times;
        }
    }

    /// A storm in which nothing fell proves nothing.
    pub(super) fn has_bitten(&self) -> bool {
        self.kills > 0 && self.frozen > 0 && self.caught.len() > 1
    }
}

pub(super) struct Storm<'a> {
    pub(super) house: &'a House,
    pub(super) server: &'a mut Server,
    pub(super) crew: &'a mut Crew,
    pub(super) stories: &'a mut [Story],
    pub(super) watermark: &'a mut Watermark,
    pub(super) tally: Tally,
    chance: StdRng,
    sync: Option<Uuid>,
    tokens_since: Option<Instant>,
    /// It takes longer than a lease each time.
    freezes: bool,
}

enum Fate {
    Killed,
    /// And what it was about to commit is taken back.
    KilledAndRolledBack,
    Frozen,
}

impl<'a> Storm<'a> {
    pub(super) fn new(
        (house, server, crew): (&'a House, &'a mut Server, &'a mut Crew),
        stories: &'a mut [Story],
        watermark: &'a mut Watermark,
        (seed, freezes): (u64, bool),
    ) -> Storm<'a> {
        Storm {
            house,
            server,
            crew,
            stories,
            watermark,
            tally: Tally::default(),
            chance: StdRng::seed_from_u64(seed),
            sync: None,
            tokens_since: None,
            freezes,
        }
    }

    /// Blow after blow, for so long.
    pub(super) async fn rage(&mut self, span: Duration) {
        let began = Instant::now();
        while began.elapsed() < span {
            self.people().await;
            if let Some(fault) = fault(&mut self.chance) {
                self.house.vendor.inject(fault);
                self.tally.faults += 1;
            }
            self.keep_syncing().await;
            match self.chance.random_range(0..20) {
                0..11 => self.trap().await,
                11..14 => self.kill_any().await,
                14 if self.freezes => self.freeze_any().await,
                15 => self.restart().await,
                16 => {
                    cut_connections(self.house).await;
                    self.tally.cuts += 1;
                }
                17 => {
                    self.expire().await;
                }
                18 => self.jump().await,
                _ => {}
            }
            self.people().await;
            self.watermark.look(self.house).await;
        }
        self.house.vendor.clear_faults();
    }

    /// A sixth of the stories goes on.
    async fn people(&mut self) {
        let places = Places::of(self.house).await;
        for story in self.stories.iter_mut() {
            if self.chance.random_range(0..6) == 0 {
                story.go_on(self.house, &places).await;
            }
        }
    }

    /// A sync of everything is always under way.
    async fn keep_syncing(&mut self) {
        if let Some(id) = self.sync {
            let job = self.house.engine().job(id).await.unwrap();
            if job.is_some_and(|job| !job.state.is_terminal()) {
                return;
            }
        }
        let asked = SyncAll {
            connection: Some(CREATIO.to_owned()),
            changed: self.chance.random_bool(0.6),
        };
        let job = sync_all_of(&asked, "soak").max_attempts(30);
        self.sync = Some(self.house.engine().enqueue(job).await.unwrap().id);
    }

    async fn trap(&mut self) {
        let point = Point::drawn(&mut self.chance);
        let fate = match self.chance.random_range(0..5) {
            0 | 1 => Fate::Killed,
            4 if self.freezes => Fate::Frozen,
            _ => Fate::KilledAndRolledBack,
        };
        if point.is_of_tokens() && !self.expire().await {
            return;
        }
        self.house.vendor.clear_faults();
        // Before it is armed: whoever edits what the caught one has locked would wait for us.
        self.people().await;
        let mut trap = Trap::arm(self.house, point).await;
        let began = Instant::now();
        let mut caught = None;
        while caught.is_none() && began.elapsed() < CATCH {
            self.keep_syncing().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            caught = trap
                .look(self.house)
                .await
                .filter(|one| self.crew.has(&one.label));
        }
        let Some(caught) = caught else {
            trap.let_go(self.house).await;
            return;
        };
        *self.tally.caught.entry(point).or_default() += 1;
        self.meet(fate, trap, caught).await;
    }

    async fn meet(&mut self, fate: Fate, mut trap: Trap, caught: Caught) {
        match fate {
            Fate::Killed => self.kill(&caught.label),
            Fate::KilledAndRolledBack => {
                self.kill(&caught.label);
                trap.roll_back(&caught).await;
                self.tally.rolled_back += 1;
            }
            Fate::Frozen => {
                self.crew.signal(&caught.label, "STOP");
                trap.let_go(self.house).await;
                self.until_stolen(&caught.label).await;
                return;
            }
        }
        trap.let_go(self.house).await;
    }

    fn kill(&mut self, label: &str) {
        self.crew.kill(label);
        self.tally.kills += 1;
    }

    async fn kill_any(&mut self) {
        let label = runner(self.house).await.filter(|one| self.crew.has(one));
        let label = label.unwrap_or_else(|| self.crew.label(self.chance.random_range(0..99)));
        self.kill(&label);
    }

    async fn freeze_any(&mut self) {
        let label = runner(self.house).await.filter(|one| self.crew.has(one));
        if let Some(label) = label {
            self.crew.signal(&label, "STOP");
            self.until_stolen(&label).await;
        }
    }

    /// It sleeps until others have all that it ran, while people go on; then it wakes.
    async fn until_stolen(&mut self, label: &str) {
        self.tally.frozen += 1;
        let began = Instant::now();
        let had = self.has_jobs(label).await;
        while self.has_jobs(label).await && began.elapsed() < THEFT {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let is_robbed = began.elapsed() < THEFT;
        self.tally.stolen += usize::from(had && is_robbed);
        // Frozen within a transaction it keeps its jobs, and whoever edits what it has locked would wait for us.
        if is_robbed {
            self.people().await;
            self.keep_syncing().await;
        }
        self.crew.signal(label, "CONT");
    }

    async fn has_jobs(&self, label: &str) -> bool {
        sqlx::query_scalar(
            "select exists (select from engine.running r join engine.worker w on w.id = r.worker_id where w.label = $1)",
        )
        .bind(label)
        .fetch_one(&self.house.env.pool)
        .await
        .unwrap()
    }

    async fn restart(&mut self) {
        self.tally.restarts += usize::from(self.server.restart(self.house).await);
    }

    /// False while the last token is too young.
    async fn expire(&mut self) -> bool {
        let is_young = self
            .tokens_since
            .is_some_and(|since| since.elapsed() < TOKENS_LAST);
        if is_young || self.tally.expiries >= MOST_EXPIRIES {
            return false;
        }
        self.house.expire_tokens().await;
        self.tally.expiries += 1;
        self.tokens_since = Some(Instant::now());
        true
    }

    /// What waits for a time waits no more.
    async fn jump(&mut self) {
        self.house.a_while_later().await;
        self.tally.jumps += 1;
    }
}
