use super::*;

fn row(id: u128, second: i64) -> (Option<Uuid>, Option<Timestamp>) {
    (
        Some(Uuid::from_u128(id)),
        Timestamp::from_second(second).ok(),
    )
}

fn came(rows: &[(u128, i64)], count: Option<u64>) -> Came {
    Came {
        rows: rows.iter().map(|(id, second)| row(*id, *second)).collect(),
        count,
        has_link: false,
    }
}

fn at(behind: Option<u64>, doubt: bool) -> Place {
    Place {
        at: Timestamp::from_second(10).unwrap(),
        id: Uuid::from_u128(9),
        behind,
        doubt,
    }
}

fn next(place: Option<&Place>, came: &Came) -> Next {
    step("list Lead", place, false, came).unwrap().next
}

#[test]
fn a_cursor_goes_round_whatever_it_holds() {
    for behind in [None, Some(0), Some(7)] {
        for doubt in [false, true] {
            let place = at(behind, doubt);

            assert_eq!(Place::read(&place.write()), Some(place));
        }
    }
    let whole = at(Some(1), false).write();
    for odd in ["", "x", "|", "||", "1|2|3", whole.as_str()].map(|cursor| format!("{cursor} ")) {
        assert_eq!(Place::read(&odd), None, "{odd:?}");
    }
}

#[test]
fn an_instant_keeps_every_digit_in_a_cursor() {
    let precise = "2021-11-24T11:11:32.3357712Z".parse().unwrap();
    let place = Place {
        at: precise,
        ..at(None, false)
    };

    assert_eq!(Place::read(&place.write()).unwrap().at, precise);
}

#[test]
fn a_page_is_the_last_only_if_the_count_says_so_or_it_is_empty() {
    let place = at(Some(2), false);
    let rows = [(1, 11), (2, 12)];

    assert_eq!(next(Some(&place), &came(&rows, Some(2))), Next::End);
    assert!(matches!(
        next(Some(&place), &came(&rows, Some(3))),
        Next::More(_)
    ));
    assert!(matches!(
        next(Some(&place), &came(&rows, None)),
        Next::More(_)
    ));
    assert_eq!(next(Some(&at(None, false)), &came(&[], None)), Next::End);
    assert_eq!(
        next(Some(&at(Some(0), false)), &came(&[], Some(0))),
        Next::End
    );
    assert_eq!(next(Some(&place), &came(&[], None)), Next::Unclear);
    assert_eq!(next(Some(&place), &came(&[], Some(2))), Next::Unclear);
    let linked = Came {
        has_link: true,
        ..came(&rows, Some(2))
    };
    assert!(matches!(next(Some(&place), &linked), Next::More(_)));
}

#[test]
fn nothing_at_all_is_believed_only_of_what_changed_since() {
    let nothing = came(&[], Some(0));

    assert_eq!(next(None, &nothing), Next::Unclear);
    assert_eq!(
        step("list Lead", None, true, &nothing).unwrap().next,
        Next::End
    );
}

#[test]
fn a_walk_that_lost_records_on_the_way_goes_on_and_ends_unclear() {
    let place = at(Some(5), false);
    let Next::More(cursor) = next(Some(&place), &came(&[(1, 11), (2, 12)], Some(4))) else {
        panic!("it must go on");
    };
    let place = Place::read(&cursor).unwrap();

    assert_eq!(
        next(Some(&place), &came(&[(3, 13), (4, 14)], Some(2))),
        Next::Unclear
    );
}

#[test]
fn a_page_that_repeats_jumps_back_or_has_one_twice_is_no_page() {
    let place = at(Some(5), false);
    for rows in [
        &[(9, 10)][..],
        &[(7, 9), (8, 10)],
        &[(1, 12), (2, 11)],
        &[(1, 11), (1, 11)],
    ] {
        let stepped = step("list Lead", Some(&place), false, &came(rows, Some(5)));

        assert!(
            matches!(stepped, Err(Error::PageInvalid { .. })),
            "{rows:?}"
        );
    }
}

#[test]
fn records_that_come_once_more_for_their_hidden_digits_are_known_and_left_out() {
    let place = at(Some(2), false);

    let more = step(
        "list Lead",
        Some(&place),
        false,
        &came(&[(8, 10), (9, 10), (3, 10), (4, 11)], Some(4)),
    );
    let last = step(
        "list Lead",
        Some(&at(Some(0), false)),
        false,
        &came(&[(8, 10), (9, 10)], Some(2)),
    );

    assert_eq!(
        more.unwrap(),
        Step {
            known: 2,
            next: Next::End
        }
    );
    assert_eq!(
        last.unwrap(),
        Step {
            known: 2,
            next: Next::End
        }
    );
}

#[test]
fn a_record_that_was_changed_again_is_not_taken_for_the_one_that_was_read() {
    let place = at(Some(1), false);

    let step = step(
        "list Lead",
        Some(&place),
        false,
        &came(&[(1, 11), (9, 30)], Some(2)),
    )
    .unwrap();

    assert_eq!(
        step,
        Step {
            known: 0,
            next: Next::End
        }
    );
}
