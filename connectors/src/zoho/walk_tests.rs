//! Walks over lists that stand still, and over lists that do not.

use super::*;

/// A list of ids that is served by page, with something done to it before some calls.
struct List {
    ids: Vec<u64>,
    context: bool,
}

impl List {
    fn of(count: u64) -> Self {
        Self {
            ids: (1..=count).collect(),
            context: true,
        }
    }

    fn serve(&self, window: Window) -> (Vec<String>, Option<bool>) {
        let from = window.from() as usize;
        let page = self.ids.iter().skip(from).take(window.per_page as usize);
        let more = self.ids.len() > from + window.per_page as usize;
        (
            page.map(u64::to_string).collect(),
            self.context.then_some(more),
        )
    }
}

/// The new ids of every page, and how the walk ended.
fn walk(list: &mut List, size: u16, mut before: impl FnMut(u32, &mut List)) -> (Vec<String>, Next) {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    for call in 1.. {
        assert!(call < 10_000, "the walk does not end");
        before(call, list);
        let place = cursor.as_deref().map(|cursor| Place::read(cursor).unwrap());
        let window = Window::at(place.as_ref(), size);
        let (ids, has_more) = list.serve(window);
        let came = Came {
            ids: ids.iter().map(|id| Some(id.as_str())).collect(),
            has_more,
        };
        let step = step(place.as_ref(), window, &came);
        seen.extend_from_slice(&ids[step.known..]);
        match step.next {
            Next::More(more) => cursor = Some(more),
            end => return (seen, end),
        }
    }
    unreachable!()
}

fn all(count: u64) -> Vec<String> {
    (1..=count).map(|id| id.to_string()).collect()
}

#[test]
fn every_size_reads_every_list_once_and_whole() {
    for size in [20, 21, 37, 60, 97, 128, 199, 200] {
        for count in [
            0, 1, 19, 20, 21, 39, 40, 41, 199, 200, 201, 399, 1_000, 5_040,
        ] {
            for context in [true, false] {
                let mut list = List::of(count);
                list.context = context;

                let (seen, end) = walk(&mut list, size, |_, _| {});

                assert_eq!(seen, all(count), "{count} by {size}, context: {context}");
                // Nothing at all, and not a word on it, proves nothing.
                let expected = if count == 0 && !context {
                    Next::Unclear
                } else {
                    Next::End
                };
                assert_eq!(end, expected, "{count} by {size}, context: {context}");
            }
        }
    }
}

#[test]
fn the_overlap_costs_few_items_and_is_there_at_every_place() {
    let at = |end, size| {
        let place = Place {
            end,
            last: String::new(),
            doubt: false,
        };
        let window = Window::at(Some(&place), size);
        (window.from(), window.from() + window.per_page)
    };
    for end in (200..60_000).chain([720_720, 1_441_440]) {
        let (from, to) = at(end, LARGEST_PAGE);

        assert!(
            0 < from && from < end && to > end + 90,
            "{from} to {to} at {end}"
        );
    }
    for end in (20..60_000).chain([720_720, 1_441_440]) {
        let (from, to) = at(end, SMALLEST_PAGE);

        assert!(
            0 < from && from < end && to > end,
            "{from} to {to} at {end}"
        );
    }
}

#[test]
fn the_overlap_costs_one_call_in_ten() {
    let mut calls = 0;

    let (seen, end) = walk(&mut List::of(20_000), 200, |call, _| calls = call);

    assert_eq!((seen.len(), end), (20_000, Next::End));
    assert_eq!(calls, 110, "a hundred full pages would do without");
}

#[test]
fn a_deletion_behind_the_walk_is_always_noticed() {
    for size in [20, 50, 200] {
        for call in 2..6 {
            for gone in [0, 7, 19] {
                let mut list = List::of(1_000);

                let (seen, end) = walk(&mut list, size, |now, list| {
                    if now == call {
                        list.ids.remove(gone);
                    }
                });

                assert_eq!(
                    end,
                    Next::Unclear,
                    "size {size}, before call {call}, item {gone}"
                );
                assert!(seen.len() >= 990, "the walk goes on all the same");
            }
        }
    }
}

#[test]
fn what_is_added_behind_or_deleted_ahead_of_the_walk_spoils_nothing() {
    let mut list = List::of(100);

    let (seen, end) = walk(&mut list, 20, |call, list| {
        if call == 3 {
            list.ids.push(101);
            list.ids.retain(|id| *id != 90);
        }
    });

    let expected: Vec<String> = (1..=101u64)
        .filter(|id| *id != 90)
        .map(|id| id.to_string())
        .collect();
    assert_eq!((seen, end), (expected, Next::End));
}

#[test]
fn a_page_that_contradicts_itself_ends_the_walk_unclear() {
    let window = Window {
        page: 1,
        per_page: 20,
    };
    for (rows, has_more) in [(0, Some(true)), (5, Some(true))] {
        let came = Came {
            ids: vec![Some("1"); rows],
            has_more,
        };

        assert_eq!(step(None, window, &came).next, Next::Unclear, "{rows}");
    }
}

#[test]
fn an_empty_page_in_the_middle_is_no_end() {
    let place = Place {
        end: 20,
        last: "20".to_owned(),
        doubt: false,
    };
    for has_more in [Some(true), Some(false), None] {
        let came = Came {
            ids: Vec::new(),
            has_more,
        };

        let step = step(Some(&place), Window::at(Some(&place), 20), &came);

        assert_eq!(step.next, Next::Unclear, "{has_more:?}");
    }
}

#[test]
fn only_our_own_cursors_are_read() {
    let place = Place {
        end: 200,
        last: "4815000000044208".to_owned(),
        doubt: true,
    };

    assert_eq!(Place::read(&place.write()), Some(place));
    for bad in ["", "2", "0-1", "-1", "x-1", "1-x", "1-1!!", "200"] {
        assert_eq!(Place::read(bad), None, "{bad}");
    }
}
