//! Reads of what was modified since an instant, for the remotes that can be asked so: nothing of that instant or later
//! is lost, wherever a page ends, and none is older than the remote's own exactness explains.

use std::collections::{BTreeMap, BTreeSet};

use connectors::Error;
use connectors::page::Next;
use jiff::{SignedDuration, Timestamp};

use super::{Remote, Seen};

/// A vendor that can be asked for what was modified since an instant.
pub(super) trait Dated: Remote {
    /// How far before the instant a record may lie that comes all the same: remotes that tell whole seconds.
    const EARLY: SignedDuration;

    async fn page_since(
        &self,
        client: &Self::Client,
        cursor: Option<&str>,
        since: Timestamp,
    ) -> Result<(Seen, bool), Error>;
    /// When each record was modified, as the vendor has it.
    fn times(&self) -> BTreeMap<String, Timestamp>;
    /// Writes the time of a record's modification, which no clock says.
    fn stamp(&self, id: &str, at: Timestamp);
}

/// The ids that a read has, each time it came, and in how many calls.
struct Read {
    ids: Vec<String>,
    records: Vec<String>,
    calls: u32,
}

impl Read {
    fn set(&self) -> BTreeSet<String> {
        self.ids.iter().cloned().collect()
    }
}

/// To the proven end, each page by a client that knows of no other.
async fn read<R: Dated>(remote: &R, since: Timestamp) -> Read {
    let (mut ids, mut records, mut calls) = (Vec::new(), Vec::new(), 0);
    let mut cursor: Option<String> = None;
    loop {
        let shown = format!("{}: since {since}, call {calls}", R::NAME);
        assert!(calls < 200, "{shown}: the read does not end");
        let page = remote
            .page_since(&remote.client(), cursor.as_deref(), since)
            .await;
        let (page, ignored) = page.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert!(!ignored, "{shown}: the filter is blamed");
        calls += 1;
        ids.extend(page.ids);
        records.extend(page.records);
        match page.next {
            Next::More(more) => cursor = Some(more),
            Next::End => {
                return Read {
                    ids,
                    records,
                    calls,
                };
            }
            Next::Unclear => panic!("{shown}: the read is not proven to be whole"),
        }
    }
}

/// The ids of what was modified then or later.
fn since<R: Dated>(remote: &R, at: Timestamp) -> BTreeSet<String> {
    let times = remote.times().into_iter();
    times
        .filter_map(|(id, time)| (time >= at).then_some(id))
        .collect()
}

/// All that must come came, and nothing that is older than the remote's exactness.
async fn holds<R: Dated>(remote: &R, at: Timestamp) -> Read {
    let read = read(remote, at).await;
    let (came, due) = (read.set(), since(remote, at));
    let lost: Vec<_> = due.difference(&came).collect();
    assert!(lost.is_empty(), "{}: since {at} lost {lost:?}", R::NAME);
    let early = since(remote, at.saturating_sub(R::EARLY).unwrap());
    let older: Vec<_> = came.difference(&early).collect();
    assert!(older.is_empty(), "{}: since {at} gave {older:?}", R::NAME);
    read
}

/// At the very instant of each record, a moment before it and a moment after.
pub(super) async fn an_instant_is_inclusive<R: Dated>() {
    let remote = R::start().await;
    let times: BTreeSet<Timestamp> = remote.times().into_values().collect();
    assert!(times.len() > 10, "{}: too few instants", R::NAME);
    let moment = SignedDuration::from_millis(400);
    for &at in times.iter().step_by(4) {
        for at in [at, at - moment, at + moment] {
            holds(&remote, at).await;
        }
    }
    let newest = *times.last().unwrap();
    let last = holds(&remote, newest).await.set().len();
    assert!(last < times.len(), "{}: nothing was left out", R::NAME);
}

/// More records of one instant than a page has, so that pages end among them.
pub(super) async fn ties_over_the_edge_of_a_page_are_all_read<R: Dated>() {
    let mut remote = R::start().await;
    let all: Vec<String> = remote.times().into_keys().collect();
    let tie: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
    let (tied, later) = all[3..].split_at(all.len() * 2 / 3);
    for id in tied {
        remote.stamp(id, tie);
    }
    for id in later {
        remote.stamp(id, tie + SignedDuration::from_secs(60));
    }
    let smaller = R::SIZES
        .iter()
        .filter(|size| usize::from(**size) < tied.len());
    let sizes: Vec<u16> = smaller.copied().collect();
    assert!(sizes.len() > 1, "{}: no page ends among the ties", R::NAME);
    for size in sizes {
        remote.resize(size);

        let read = holds(&remote, tie).await;

        assert_eq!(read.set().len(), tied.len() + later.len(), "{}", R::NAME);
        assert!(read.calls > 1, "{}: pages of {size}", R::NAME);
    }
}

/// Nothing was modified: an answer, by one call, and the proven end. So for an instant that is not yet.
pub(super) async fn an_empty_window_and_one_in_the_future_are_answers<R: Dated>() {
    let remote = R::start().await;
    let newest = remote.times().into_values().max().unwrap();
    let after = newest + SignedDuration::from_secs(2);
    for at in [after, "2999-01-01T00:00:00Z".parse().unwrap()] {
        let read = holds(&remote, at).await;

        assert_eq!((read.ids.len(), read.calls), (0, 1), "{}: {at}", R::NAME);
    }
    let ever = holds(&remote, Timestamp::UNIX_EPOCH).await;
    assert_eq!(ever.set(), remote.truth(), "{}: since ever", R::NAME);
}

/// A machine with a wrong clock wrote some records: they are read as any other, by a whole walk and since any instant,
/// their own among them.
pub(super) async fn a_record_of_the_far_future_is_read_as_any_other<R: Dated>() {
    let mut remote = R::start().await;
    remote.resize(R::SIZES[0]);
    let now = remote.times().into_values().max().unwrap();
    let far: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    let some: BTreeSet<String> = remote.times().into_keys().step_by(7).collect();
    for id in &some {
        remote.stamp(id, far);
    }

    let mut walk = super::Walk::default();
    let proven = walk.go(&remote, &remote.client()).await.unwrap();
    assert!(proven, "{}: the walk is spoilt", R::NAME);
    assert_eq!(walk.ids, remote.truth(), "{}", R::NAME);
    for at in [now, now + SignedDuration::from_hours(24 * 365), far] {
        let read = holds(&remote, at).await;

        assert!(some.is_subset(&read.set()), "{}: since {at}", R::NAME);
        let bad = read
            .records
            .iter()
            .find(|one| one.starts_with("RecordError"));
        assert_eq!(bad, None, "{}: since {at}", R::NAME);
    }
}
