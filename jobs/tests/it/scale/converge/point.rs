//! Point: the places in a sync at which a process is caught. Those in the database are triggers that wait at a lock;
//! those at the vendor are calls that it holds.

use rand::RngExt as _;
use rand::rngs::StdRng;
use sim::wire::{Fault, Kind};
use sqlx::{Connection as _, PgConnection};

use crate::creatio::support::House;

/// Where a process is, and what is known of its work then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    /// A page has come, and nothing of it is written.
    Fetched,
    /// A page's transaction is all but committed, its cursor and marks with it.
    PageCommit,
    /// What is to be sent is about to be noted.
    IntentCommit,
    /// That it may be sent is about to be noted; or has been, and nothing was sent.
    SendCommit,
    /// Creatio was asked, and has done nothing.
    BeforeEffect,
    /// Creatio has done it, and has not answered.
    AfterEffect,
    /// What was done is about to be noted.
    AckCommit,
    /// What is gone is about to be marked.
    SweepCommit,
    /// A page is on its way.
    Listing,
    /// A token is on its way.
    TokenAnswer,
    /// A token is about to be stored, or that somebody asks for one.
    TokenCommit,
}

pub(super) const ALL: [Point; 11] = [
    Point::Fetched,
    Point::PageCommit,
    Point::IntentCommit,
    Point::SendCommit,
    Point::BeforeEffect,
    Point::AfterEffect,
    Point::AckCommit,
    Point::SweepCommit,
    Point::Listing,
    Point::TokenAnswer,
    Point::TokenCommit,
];

/// Shorter than a lease: what a frozen process has sent is over before another begins.
const HELD_MS: u64 = 1_200;

impl Point {
    pub(super) fn drawn(chance: &mut StdRng) -> Point {
        ALL[chance.random_range(0..ALL.len())]
    }

    /// Tokens run out first, or nobody would ask for one.
    pub(super) fn is_of_tokens(self) -> bool {
        matches!(self, Point::TokenAnswer | Point::TokenCommit)
    }

    fn trigger(self) -> Option<&'static str> {
        Some(match self {
            Point::Fetched => "fetched",
            Point::PageCommit => "page",
            Point::IntentCommit => "intent",
            Point::SendCommit => "send",
            Point::AckCommit => "ack",
            Point::SweepCommit => "sweep",
            Point::TokenCommit => "token",
            _ => return None,
        })
    }

    fn fault(self) -> Option<Fault> {
        let slow = || Fault::new(Kind::Slow { delay_ms: HELD_MS }).times(1);
        Some(match self {
            Point::BeforeEffect => Fault::new(Kind::Silence)
                .times(1)
                .on_path("$batch")
                .on_method("POST"),
            Point::AfterEffect => slow().on_path("$batch").on_method("POST"),
            Point::Listing => slow().on_path("/Lead").on_method("GET"),
            Point::TokenAnswer => slow().on_path("connect/token"),
            _ => return None,
        })
    }
}

/// The trigger of each point: it waits while the point is armed.
const TRIGGERS: &str = "\
    create table public.armed (point text primary key); \
    create function public.at_point() returns trigger language plpgsql as $$ begin \
        if exists (select from public.armed where point = tg_argv[0]) then \
            perform pg_advisory_xact_lock_shared(4711); \
        end if; \
        return new; end $$; \
    create trigger fetched before update on sync.run for each row execute function public.at_point('fetched'); \
    create constraint trigger page after update on sync.run deferrable initially deferred \
        for each row execute function public.at_point('page'); \
    create constraint trigger intent after insert on sync.intent deferrable initially deferred \
        for each row execute function public.at_point('intent'); \
    create constraint trigger send after update on sync.intent deferrable initially deferred \
        for each row when (new.state = 'sent' and old.state <> 'sent') execute function public.at_point('send'); \
    create constraint trigger ack after update on sync.intent deferrable initially deferred \
        for each row when (new.state = 'acked') execute function public.at_point('ack'); \
    create constraint trigger sweep after update on sync.observed deferrable initially deferred \
        for each row when (new.gone_at is not null) execute function public.at_point('sweep'); \
    create constraint trigger token after update on sync.credential deferrable initially deferred \
        for each row execute function public.at_point('token');";

pub(super) async fn prepare(house: &House) {
    house.sql(TRIGGERS).await;
}

/// A point that is armed. Let go, all who wait there go on.
pub(super) struct Trap {
    point: Point,
    gate: Option<PgConnection>,
}

/// Who was caught.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) label: String,
    /// Its session at the database, if it waits there.
    session: Option<i32>,
}

impl Trap {
    pub(super) async fn arm(house: &House, point: Point) -> Trap {
        if let Some(fault) = point.fault() {
            house.vendor.inject(fault);
            return Trap { point, gate: None };
        }
        let mut gate = PgConnection::connect(house.database.url()).await.unwrap();
        sqlx::query("select pg_advisory_lock(4711)")
            .execute(&mut gate)
            .await
            .unwrap();
        sqlx::query("insert into public.armed values ($1)")
            .bind(point.trigger())
            .execute(&mut gate)
            .await
            .unwrap();
        Trap {
            point,
            gate: Some(gate),
        }
    }

    /// Whoever is there now.
    pub(super) async fn look(&mut self, house: &House) -> Option<Caught> {
        let Some(gate) = &mut self.gate else {
            let mine =
                |kind: &Kind| Some(kind) == self.point.fault().map(|fault| fault.kind).as_ref();
            let faults = house.vendor.faults();
            let has_struck = faults
                .iter()
                .any(|one| one.fired > 0 && mine(&one.fault.kind));
            if !has_struck {
                return None;
            }
            let label = super::crew::runner(house).await?;
            return Some(Caught {
                label,
                session: None,
            });
        };
        let waiting: Option<(i32, String)> = sqlx::query_as(
            "select pid, application_name from pg_stat_activity \
             where wait_event_type = 'Lock' and wait_event = 'advisory' and pid <> pg_backend_pid() limit 1",
        )
        .fetch_optional(gate)
        .await
        .unwrap();
        waiting.map(|(session, label)| Caught {
            label,
            session: Some(session),
        })
    }

    /// Takes back what the caught one was about to commit; else the server commits it, dead or not.
    pub(super) async fn roll_back(&mut self, caught: &Caught) {
        if let (Some(gate), Some(session)) = (&mut self.gate, caught.session) {
            sqlx::query("select pg_terminate_backend($1, 5000)")
                .bind(session)
                .execute(gate)
                .await
                .unwrap();
        }
    }

    pub(super) async fn let_go(self, house: &House) {
        match self.gate {
            Some(mut gate) => {
                sqlx::query("delete from public.armed")
                    .execute(&mut gate)
                    .await
                    .unwrap();
                gate.close().await.unwrap();
            }
            None => house.vendor.clear_faults(),
        }
    }
}
