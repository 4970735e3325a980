//! Figures: what a storm was, for whoever reads of it.

use std::fmt;

use super::crew::Crew;
use super::storm::Tally;
use crate::creatio::converge::story::Story;
use crate::creatio::support::House;

/// Of one seed, or of all so far.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) seeds: usize,
    leads: usize,
    edits: usize,
    deletes: usize,
    conflicts: i64,
    written_over: i64,
    doubts: i64,
    crashed: i64,
    calls: u64,
    spoilt: u64,
    /// Megabytes that a worker held at most.
    peak: f64,
    /// Milliseconds that the neighbour's jobs waited in 19 of 20 cases; the worst seed's.
    pub(super) waited_ms: f64,
    pub(super) tally: Tally,
}

impl Figures {
    pub(super) async fn of(
        house: &House,
        told: &[Story],
        tally: Tally,
        crew: &mut Crew,
        waited_ms: f64,
    ) -> Figures {
        let stats = house.vendor.stats();
        let count = |what: &'static str| house.count(what);
        Figures {
            seeds: 1,
            leads: told.len(),
            edits: told.iter().map(Story::edits).sum(),
            deletes: told
                .iter()
                .filter(|story| !story.deleted.is_empty())
                .count(),
            conflicts: count("select count(*) from sync.conflict").await,
            written_over: count("select count(*) from sync.journal").await,
            doubts: count("select count(*) from sync.operation where status = 'unknown'").await,
            crashed: count("select count(*) from engine.attempt where outcome = 'crashed'").await,
            calls: stats.calls,
            spoilt: stats.faulted,
            peak: crew.peak(),
            waited_ms,
            tally,
        }
    }

    pub(super) fn add(&mut self, one: Figures) {
        self.seeds += one.seeds;
        self.leads += one.leads;
        self.edits += one.edits;
        self.deletes += one.deletes;
        self.conflicts += one.conflicts;
        self.written_over += one.written_over;
        self.doubts += one.doubts;
        self.crashed += one.crashed;
        self.calls += one.calls;
        self.spoilt += one.spoilt;
        self.peak = self.peak.max(one.peak);
        self.waited_ms = self.waited_ms.max(one.waited_ms);
        self.tally.add(one.tally);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        writeln!(
            f,
            "  {} edits, {} deletes of {} leads; {} conflicts, {} values written over, {} writes in doubt",
            self.edits, self.deletes, self.leads, self.conflicts, self.written_over, self.doubts
        )?;
        writeln!(
            f,
            "  {} kills ({} with a commit taken back), {} frozen ({} of them robbed), {} restarts of Postgres, {} cuts, \
             {} expiries, {} jumps of time, {} faults; {} attempts crashed",
            tally.kills,
            tally.rolled_back,
            tally.frozen,
            tally.stolen,
            tally.restarts,
            tally.cuts,
            tally.expiries,
            tally.jumps,
            tally.faults,
            self.crashed
        )?;
        writeln!(f, "  caught at {:?}", tally.caught)?;
        write!(
            f,
            "  {} calls, {} of them spoilt; workers {:.0} MB at most; a neighbour's start: p95 {:.0} ms",
            self.calls, self.spoilt, self.peak, self.waited_ms
        )
    }
}
