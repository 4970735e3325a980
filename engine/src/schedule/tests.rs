//! The rules of schedules, as tables.

use super::*;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule {
        name: "s".into(),
        cron: cron.into(),
        time_zone: zone.into(),
        kind: "a.b".into(),
        args: Value::Null,
        queue: None,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Skip,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn locals(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let ticks = schedule(cron, zone).next(at(from), count).unwrap();
    ticks
        .iter()
        .map(|tick| tick.local.strftime("%d %H:%M %:z").to_string())
        .collect()
}

#[test]
fn daylight_saving_skips_and_doubles_nothing() {
    let spring = "2026-03-28T12:00:00Z";
    let autumn = "2026-10-24T12:00:00Z";
    let zone = "Europe/Berlin";

    assert_eq!(
        locals("30 2 * * *", zone, spring, 2),
        ["29 03:00 +02:00", "30 02:30 +02:00"]
    );
    assert_eq!(
        locals("30 2 * * *", zone, autumn, 2),
        ["25 02:30 +02:00", "26 02:30 +01:00"]
    );
    assert_eq!(
        locals("0 2 * * *", "Asia/Bangkok", spring, 1),
        ["29 02:00 +07:00"]
    );
    assert_eq!(
        locals("*/30 * * * *", zone, "2026-10-25T00:15:00Z", 4),
        [
            "25 02:30 +02:00",
            "25 02:00 +01:00",
            "25 02:30 +01:00",
            "25 03:00 +01:00"
        ]
    );
}

#[test]
fn weekdays_count_as_vixie_counts_them() {
    // 2026-11-23 is a Monday.
    assert_eq!(
        locals("0 9 * * 1", "UTC", "2026-11-21T00:00:00Z", 1),
        ["23 09:00 +00:00"]
    );
}

#[test]
fn what_cannot_be_used_says_what_is_expected() {
    let problem = |cron, zone| schedule(cron, zone).check().unwrap_err().to_string();

    assert!(problem("0 25 * * *", "UTC").contains("five fields"));
    assert!(problem("nonsense", "UTC").contains("five fields"));
    assert!(problem("0 0 30 2 *", "UTC").contains("never comes"));
    assert!(problem("0 2 * * *", "Asia/Bangok").contains("IANA"));
}

#[test]
fn missed_ticks_fire_by_the_catch_up_rule() {
    let (from, now) = (at("2026-11-21T00:00:00Z"), at("2026-11-21T03:30:00Z"));
    let fired = |catch_up| {
        let mut hourly = schedule("0 * * * *", "UTC");
        hourly.catch_up = catch_up;
        hourly
            .due(from, now)
            .unwrap()
            .into_iter()
            .filter(|(_, fires)| *fires)
            .count()
    };

    assert_eq!(
        (
            fired(CatchUp::None),
            fired(CatchUp::Latest),
            fired(CatchUp::All)
        ),
        (0, 1, 3)
    );
}

#[test]
fn a_tick_on_time_fires_whatever_the_catch_up_rule() {
    let mut hourly = schedule("0 * * * *", "UTC");
    hourly.catch_up = CatchUp::None;

    let due = hourly
        .due(at("2026-11-21T00:59:00Z"), at("2026-11-21T01:00:02Z"))
        .unwrap();

    assert_eq!(due, [(at("2026-11-21T01:00:00Z"), true)]);
}

#[test]
fn a_year_of_minutes_is_bounded() {
    let mut minutely = schedule("* * * * *", "UTC");
    minutely.catch_up = CatchUp::All;

    let due = minutely
        .due(at("2026-11-14T00:00:00Z"), at("2026-11-21T00:00:00Z"))
        .unwrap();

    assert_eq!(due.len(), MOST_MISSED + 1);
    assert_eq!(due.last(), Some(&(at("2026-11-21T00:00:00Z"), true)));
}
