//! The contract that every connector keeps: each fault of the wire at each call of a walk has the
//! verdict of one table, nothing panics, nothing is called whole that is not, and a walk that goes on
//! afterwards loses no record; pages of every size, every cursor and every moment for a token to run
//! out give the same records, each once; no error tells a secret.
//!
//! Another connector gets all of it by `impl Remote` for its simulator (`remotes.rs`, some forty
//! lines), its rows in `faults.rs` where it differs, and a line in `keep!` below; one that can be asked for what was
//! modified since an instant also by `impl Dated` and a line in `keep_since!`.

mod faults;
mod odd;
mod remotes;
mod since;

use std::collections::BTreeSet;

use connectors::check::{Checked, Question};
use connectors::page::Next;
use connectors::{Error, Verdict};
use sim::wire::{Fault, Kind};

use faults::{Case, Want, cases};
use odd::Field;
use remotes::{Creatio, Soundtrack, Supabase, Zoho};

/// A simulated vendor with some pages of records, and a client of it.
trait Remote {
    const NAME: &'static str;
    /// Page sizes from the smallest to the largest, about the number of records among them.
    const SIZES: &'static [u16];
    const RECORDS: u32 = 45;
    type Client: Checked;

    /// Pointer to a record's id in a page, and to others of its fields.
    const ID: &'static str;
    const FIELDS: &'static [(&'static str, Field)];
    /// Whether a listing without records proves that there are none: rights may hide them in silence. None where a
    /// listing always has some.
    const EMPTY_IS_PROOF: Option<bool>;

    /// With enough records for some pages.
    async fn start() -> Self
    where
        Self: Sized,
    {
        Self::start_with(Self::RECORDS).await
    }
    async fn start_with(records: u32) -> Self;
    /// A client as a new process has it: it knows of nothing that happened before.
    fn client(&self) -> Self::Client;
    async fn page(&self, client: &Self::Client, cursor: Option<&str>) -> Result<Seen, Error>;
    /// Clients ask for pages of so many from now on.
    fn resize(&mut self, page_size: u16);
    fn inject(&self, fault: Fault);
    fn clear(&self);
    /// Lets the token run out, where the remote's do.
    fn expire(&self) {}
    /// What no error may tell.
    fn secrets(&self) -> Vec<String>;
    /// The ids that a whole walk has.
    fn truth(&self) -> BTreeSet<String>;
}

/// A page, as far as the contract looks at it.
struct Seen {
    ids: Vec<String>,
    /// The records, as they were read.
    records: Vec<String>,
    next: Next,
    total: Option<u64>,
}

/// What was read so far, and from where it goes on.
#[derive(Default)]
struct Walk {
    ids: BTreeSet<String>,
    /// Records, those that came twice counted twice.
    records: usize,
    cursor: Option<String>,
    calls: u32,
    total: Option<u64>,
}

impl Walk {
    /// Goes on to the end, and says whether the listing is proven to be whole.
    async fn go<R: Remote>(&mut self, remote: &R, client: &R::Client) -> Result<bool, Error> {
        self.go_with(remote, client, |_| {}).await
    }

    /// The same, with something done before each call.
    async fn go_with<R: Remote>(
        &mut self,
        remote: &R,
        client: &R::Client,
        before: impl Fn(u32),
    ) -> Result<bool, Error> {
        loop {
            assert!(self.calls < 100, "{}: the walk does not end", R::NAME);
            before(self.calls);
            let page = remote.page(client, self.cursor.as_deref()).await?;
            self.calls += 1;
            self.records += page.ids.len();
            self.ids.extend(page.ids);
            self.total = page.total.or(self.total);
            match page.next {
                Next::More(cursor) => self.cursor = Some(cursor),
                Next::Unclear => return Ok(false),
                Next::End => {
                    let met = self.ids.len() as u64;
                    return Ok(self.total.is_none_or(|total| total == met));
                }
            }
        }
    }
}

/// How many calls a walk has when nothing is wrong.
async fn calls_of<R: Remote>(remote: &R) -> u32 {
    let mut walk = Walk::default();
    assert!(walk.go(remote, &remote.client()).await.unwrap());
    assert_eq!(walk.ids, remote.truth(), "{}", R::NAME);
    assert!(
        walk.calls >= 4,
        "{}: too few pages to prove a thing",
        R::NAME
    );
    walk.calls
}

async fn every_call_times_every_fault<R: Remote>() {
    let remote = R::start().await;
    let calls = calls_of(&remote).await;
    for case in cases(R::NAME) {
        for nth in case.first_call..calls {
            strike(&remote, &case, nth).await;
        }
    }
}

/// Lets the fault strike from the `nth` call on, then goes on without it.
async fn strike<R: Remote>(remote: &R, case: &Case, nth: u32) {
    let shown = format!("{}: {} at call {nth}", R::NAME, case.name);
    let mut walk = Walk::default();
    remote.inject(case.fault.clone().after(nth));
    let ended = walk.go(remote, &remote.client()).await;
    remote.clear();

    if let Err(error) = &ended {
        tells_no_secret(remote, error);
    }
    match (ended, &case.want) {
        (Ok(proven), Want::Whole) => {
            assert!(proven, "{shown} spoilt the walk");
            assert_eq!(walk.ids, remote.truth(), "{shown}");
            return;
        }
        (Ok(proven), Want::Unproven) => {
            assert!(!proven, "{shown} is a silent success");
            walk.cursor = None;
        }
        (Err(error), Want::Verdict(expected)) => {
            let verdict = error.verdict();
            assert!(expected(&verdict), "{shown} gave {verdict:?}: {error}");
            assert_eq!(walk.calls, nth, "{shown} was told at another call");
            if verdict == Verdict::PageInvalid {
                walk.cursor = None;
            }
        }
        (Ok(proven), _) => panic!("{shown} is no error, proven: {proven}"),
        (Err(error), _) => panic!("{shown} gave {:?}: {error}", error.verdict()),
    }
    let went_on = walk.go(remote, &remote.client()).await;
    assert!(went_on.unwrap(), "{shown}: the walk does not recover");
    assert_eq!(
        walk.ids,
        remote.truth(),
        "{shown}: records were lost on resume"
    );
}

async fn from_every_cursor<R: Remote>() {
    let remote = R::start().await;
    let calls = calls_of(&remote).await;
    for stop in 1..calls {
        let mut walk = Walk::default();
        remote.inject(Fault::status(500).on_path(path::<R>()).after(stop));
        assert!(walk.go(&remote, &remote.client()).await.is_err());
        remote.clear();
        let before = walk.ids.len();

        // Once for the crash, and once more: the same cursor may be used twice.
        for _ in 0..2 {
            let mut rest = Walk {
                ids: walk.ids.clone(),
                cursor: walk.cursor.clone(),
                ..Walk::default()
            };
            assert!(rest.go(&remote, &remote.client()).await.unwrap());
            assert_eq!(rest.ids, remote.truth(), "{} from {before}", R::NAME);
            assert_eq!(rest.calls, calls - stop, "{} reads pages again", R::NAME);
        }
    }
}

/// A connection that is fine has five good answers; whatever is wrong with it, there are five all the same, and
/// the one that is to blame says what to do.
async fn five_questions_are_answered<R: Remote>() {
    let remote = R::start().await;
    let fine = remote.client().check().await;
    let asked: Vec<Question> = fine.iter().map(|one| one.question).collect();
    assert_eq!(asked, Question::ALL, "{}", R::NAME);
    assert!(
        fine.iter().all(|one| one.is_good && one.fix.is_none()),
        "{fine:?}"
    );

    let faults = [
        Fault::status(503),
        Fault::status(403),
        Fault::status(429),
        Fault::new(Kind::MalformedJson),
        Fault::new(Kind::Silence),
        Fault::new(Kind::Html),
    ];
    for fault in faults {
        remote.inject(fault.clone().on_path(path::<R>()));
        let answers = remote.client().check().await;
        remote.clear();

        assert_eq!(answers.len(), 5, "{}: {fault:?}", R::NAME);
        let blamed = answers.iter().filter(|one| one.fix.is_some()).count();
        assert_eq!(blamed, 1, "{}: {fault:?}: {answers:?}", R::NAME);
        assert!(
            !answers.iter().any(|one| one.is_good),
            "{}: {fault:?}",
            R::NAME
        );
    }
}

/// The calls of a walk, and not those for a token.
fn path<R: Remote>() -> &'static str {
    faults::path(R::NAME)
}

fn tells_no_secret<R: Remote>(remote: &R, error: &Error) {
    let mut told = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        told.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    for secret in remote.secrets() {
        assert!(!told.contains(&secret), "{}: a secret in an error", R::NAME);
    }
}

async fn every_page_size_gives_every_record_once<R: Remote>() {
    let mut remote = R::start().await;
    for &size in R::SIZES {
        remote.resize(size);
        // Twice: what is read once more is no other.
        for _ in 0..2 {
            let mut walk = Walk::default();
            let proven = walk.go(&remote, &remote.client()).await.unwrap();

            let shown = format!("{}: pages of {size}", R::NAME);
            assert!(proven, "{shown}");
            assert_eq!(walk.ids, remote.truth(), "{shown}");
            assert_eq!(walk.records, walk.ids.len(), "{shown}: one came twice");
        }
    }
}

/// A cursor that is read off the last record of a page may cost calls, and no record. The walk may also say that it
/// must begin anew, and claims nothing then.
async fn records_in_any_order_are_all_read<R: Remote>() {
    let remote = R::start().await;
    let calls = calls_of(&remote).await;
    let shuffles = (1..=5).map(|seed| Kind::ShuffledPage { seed });
    for kind in std::iter::once(Kind::ReversedPage).chain(shuffles) {
        let shown = format!("{}: {kind:?}", R::NAME);
        remote.inject(Fault::new(kind).on_path(path::<R>()));
        let mut walk = Walk::default();
        let ended = walk.go(&remote, &remote.client()).await;
        remote.clear();

        match ended {
            Ok(true) => {
                assert_eq!(walk.ids, remote.truth(), "{shown}");
                assert!(walk.calls >= calls, "{shown}");
            }
            Ok(false) => {}
            Err(error) => assert_eq!(error.verdict(), Verdict::PageInvalid, "{shown}: {error}"),
        }
        let mut again = Walk::default();
        assert!(
            again.go(&remote, &remote.client()).await.unwrap(),
            "{shown}"
        );
        assert_eq!(again.ids, remote.truth(), "{shown}");
    }
}

/// What a record is read as does not change in silence: a snapshot each.
async fn records_are_read_to_the_letter<R: Remote>() {
    let remote = R::start().await;
    let page = remote.page(&remote.client(), None).await.unwrap();
    let first = page.records.iter().take(3).cloned().collect::<Vec<_>>();
    // The simulators' records are as old as the day.
    insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[instant]")]}, {
        insta::assert_snapshot!(format!("{}_records", R::NAME), first.join("\n"));
    });
}

async fn a_token_that_runs_out_before_any_call_costs_no_record<R: Remote>() {
    let remote = R::start().await;
    let calls = calls_of(&remote).await;
    for nth in 0..calls {
        let (mut walk, client) = (Walk::default(), remote.client());
        let expire = |call| {
            if call == nth {
                remote.expire();
            }
        };
        let proven = walk.go_with(&remote, &client, expire).await;

        assert!(proven.unwrap(), "{}: before call {nth}", R::NAME);
        assert_eq!(walk.ids, remote.truth(), "{}: before call {nth}", R::NAME);
        assert_eq!(walk.calls, calls, "{}: before call {nth}", R::NAME);
    }
}

/// A cursor of another version, another listing or nobody: an error, or a walk that claims nothing it has not.
async fn a_cursor_that_is_none_proves_nothing<R: Remote>() {
    let remote = R::start().await;
    for odd in [
        "",
        "x",
        "-1",
        "0",
        "99999999-1",
        "18446744073709551616-1",
        "\u{0}\n",
        "💥",
    ] {
        let mut walk = Walk {
            cursor: Some(odd.to_owned()),
            ..Walk::default()
        };
        if let Ok(true) = walk.go(&remote, &remote.client()).await {
            assert_eq!(walk.ids, remote.truth(), "{}: from {odd:?}", R::NAME);
        }
    }
}

/// The promises, for each of the connectors.
macro_rules! keep {
    ($($module:ident: $remote:ty,)*) => {$(
        mod $module {
            #[tokio::test]
            async fn every_fault_at_every_call_has_its_verdict_and_loses_no_record() {
                super::every_call_times_every_fault::<$remote>().await;
            }

            #[tokio::test]
            async fn every_cursor_resumes_its_walk_without_loss_and_without_reading_again() {
                super::from_every_cursor::<$remote>().await;
            }

            #[tokio::test]
            async fn a_cursor_that_is_none_proves_nothing() {
                super::a_cursor_that_is_none_proves_nothing::<$remote>().await;
            }

            #[tokio::test]
            async fn every_page_size_gives_every_record_once() {
                super::every_page_size_gives_every_record_once::<$remote>().await;
            }

            #[tokio::test]
            async fn records_in_any_order_are_all_read() {
                super::records_in_any_order_are_all_read::<$remote>().await;
            }

            #[tokio::test]
            async fn an_odd_value_is_read_or_told_by_its_field_and_spoils_no_other_record() {
                super::odd::each_odd_value_of_each_field::<$remote>().await;
            }

            #[tokio::test]
            async fn a_record_without_an_id_is_told_and_no_other_is_lost() {
                super::odd::a_record_without_an_id_is_told_and_no_other_is_lost::<$remote>().await;
            }

            #[tokio::test]
            async fn an_empty_listing_is_no_error() {
                super::odd::an_empty_listing_is_no_error::<$remote>().await;
            }

            #[tokio::test]
            async fn records_are_read_to_the_letter() {
                super::records_are_read_to_the_letter::<$remote>().await;
            }

            #[tokio::test]
            async fn a_token_that_runs_out_before_any_call_costs_no_record() {
                super::a_token_that_runs_out_before_any_call_costs_no_record::<$remote>().await;
            }

            #[tokio::test]
            async fn the_connection_can_be_tried_by_the_same_five_questions() {
                super::five_questions_are_answered::<$remote>().await;
            }
        }
    )*};
}

/// The promises of those that can be asked for what was modified since an instant.
macro_rules! keep_since {
    ($($module:ident: $remote:ty,)*) => {$(
        mod $module {
            #[tokio::test]
            async fn an_instant_is_inclusive_and_nothing_much_older_comes() {
                super::since::an_instant_is_inclusive::<$remote>().await;
            }

            #[tokio::test]
            async fn ties_over_the_edge_of_a_page_are_all_read() {
                super::since::ties_over_the_edge_of_a_page_are_all_read::<$remote>().await;
            }

            #[tokio::test]
            async fn an_empty_window_and_one_in_the_future_are_answers() {
                super::since::an_empty_window_and_one_in_the_future_are_answers::<$remote>().await;
            }

            #[tokio::test]
            async fn a_record_of_the_far_future_is_read_as_any_other() {
                super::since::a_record_of_the_far_future_is_read_as_any_other::<$remote>().await;
            }
        }
    )*};
}

keep_since! {
    creatio_since: super::Creatio,
    zoho_since: super::Zoho,
}

keep! {
    creatio: super::Creatio,
    soundtrack: super::Soundtrack,
    supabase: super::Supabase,
    zoho: super::Zoho,
}
