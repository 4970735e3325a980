//! `[[schedule]]`: what recurs. A schedule is refused unless its next run can be told.

use engine::{CatchUp, Overlap, QueueOptions, Registry, Schedule};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::field::Field;
use super::policy::{lane, lanes};
use super::section::Section;
use super::suggest::{did_you_mean, nearest};

const ELSEWHERE: &[(&str, &str)] = &[
    ("timezone", "did you mean `time_zone`?"),
    ("tz", "did you mean `time_zone`?"),
    (
        "every",
        "intervals are written as cron: every five minutes is `cron = \"*/5 * * * *\"`",
    ),
    (
        "max_attempts",
        "attempts are the kind's: `[kinds.\"…\"] max_attempts = 8`",
    ),
    (
        "timeout",
        "the timeout is the kind's: `[kinds.\"…\"] timeout = \"2m\"`",
    ),
];

pub(super) fn schedules(
    root: &Section<'_>,
    registry: &Registry,
    queues: &[QueueOptions],
) -> Vec<Schedule> {
    let Some(field) = root.get("schedule") else {
        return Vec::new();
    };
    let lanes = lanes(registry, queues);
    let mut schedules: Vec<Schedule> = Vec::new();
    for section in field.sections("name") {
        if let Some(schedule) = read(section, registry, &lanes, &schedules) {
            schedules.push(schedule);
        }
    }
    schedules
}

fn read(
    section: Section<'_>,
    registry: &Registry,
    lanes: &[String],
    before: &[Schedule],
) -> Option<Schedule> {
    let name = required(&section, "name", "name = \"zones-nightly\"");
    let cron = required(&section, "cron", "cron = \"0 2 * * *\"");
    let kind = required(&section, "kind", "kind = \"soundtrack.sync_all\"");
    let zone = section.get("time_zone");
    let args = section.get("args");
    let catch_up = section.get("catch_up").and_then(|field| {
        field.word(&[
            ("none", CatchUp::None),
            ("latest", CatchUp::Latest),
            ("all", CatchUp::All),
        ])
    });
    let overlap = section.get("overlap").and_then(|field| {
        field.word(&[
            ("skip", Overlap::Skip),
            ("queue", Overlap::Queue),
            ("allow", Overlap::Allow),
        ])
    });
    let queue = section.get("queue").and_then(|field| lane(&field, lanes));
    section.finish(ELSEWHERE);

    // Everything is looked at before anything is missing: one run shows all problems.
    let name = name.and_then(|field| unique_name(&field, before));
    let kind = kind.and_then(|field| known_kind(&field, registry));
    let time_zone = zone.map_or(Some("UTC".to_owned()), |field| zone_name(&field));
    let args = args.map_or(Some(json!({})), |field| object(&field, kind.as_deref()));
    let cron = cron.and_then(|field| cron_line(&field, time_zone.as_deref()));
    Some(Schedule {
        name: name?,
        time_zone: time_zone?,
        cron: cron?,
        kind: kind?,
        args: args?,
        queue,
        catch_up: catch_up.unwrap_or_default(),
        overlap: overlap.unwrap_or_default(),
    })
}

fn required<'d>(section: &Section<'d>, key: &'static str, example: &str) -> Option<Field<'d>> {
    let field = section.get(key);
    if field.is_none() {
        section.missing(key, example);
    }
    field
}

fn unique_name(field: &Field<'_>, before: &[Schedule]) -> Option<String> {
    let name = field.text()?;
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fine) {
        let label = "expected 1 to 100 letters, digits, - _ .";
        field.refuse(format!("{name:?} cannot name a schedule"), label, None);
        return None;
    }
    if before.iter().any(|schedule| schedule.name == name) {
        let help = "ticks are kept by the schedule's name, so it must be the only one";
        field.refuse(
            format!("another schedule is called `{name}`"),
            "used before",
            Some(help.into()),
        );
        return None;
    }
    Some(name.to_owned())
}

fn known_kind(field: &Field<'_>, registry: &Registry) -> Option<String> {
    let kind = field.text()?;
    let known = registry.kinds();
    if known.iter().any(|name| name == kind) {
        if registry.policy(kind).limits.per_connection.is_some() {
            field.refuse(
                format!("jobs of `{kind}` are limited per connection"),
                "and a schedule's job has none",
                Some("schedule a kind that enqueues them, one for each connection".into()),
            );
        }
        return Some(kind.to_owned());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    field.refuse(
        format!("unknown kind `{kind}`"),
        "no handler of this name",
        did_you_mean(kind, &known),
    );
    None
}

fn zone_name(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    if TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let known: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .collect();
    let meant = nearest(name, known.iter().map(String::as_str));
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "use a name of the IANA list, as `Asia/Bangkok` or `UTC`".into(),
    };
    field.refuse(
        format!("unknown time zone `{name}`"),
        "expected an IANA name",
        Some(help),
    );
    None
}

fn object(field: &Field<'_>, kind: Option<&str>) -> Option<Value> {
    let value = field.json();
    if !value.is_object() {
        let help = Some("write it as `args = { company_id = 42 }`".into());
        field.refuse("args are a table".into(), "expected a table", help);
        return None;
    }
    let kind = kind.unwrap_or_default();
    if let Err(error) = jobs::check_args(kind, &value) {
        field.refuse(
            format!("`{kind}` does not take these args"),
            error.to_string(),
            None,
        );
        return None;
    }
    Some(value)
}

/// The fields of a five-field line and what each may hold.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT"),
];

const CRON_HELP: &str = "minute hour day-of-month month day-of-week, as `30 2 * * 1-5`: \
                         02:30 from Monday to Friday";

/// The engine judges the line; what is wrong is looked for here, to be shown at its place.
fn cron_line(field: &Field<'_>, time_zone: Option<&str>) -> Option<String> {
    let line = field.text()?;
    let zone = time_zone.unwrap_or("UTC");
    if judge(line, zone) {
        return Some(line.to_owned());
    }
    let help = Some(CRON_HELP.to_owned());
    let parts: Vec<&str> = line.split_ascii_whitespace().collect();
    if !(5..=6).contains(&parts.len()) {
        let message = format!("a cron line has five fields, this one {}", parts.len());
        field.refuse(message, "expected five fields", help);
    } else if let Some((index, part)) = bad_part(&parts, zone) {
        let (name, range) = FIELDS[index];
        let start = part.as_ptr().addr() - line.as_ptr().addr();
        let place = field.part(start..start + part.len());
        place.refuse(
            format!("`{part}` is no {name}"),
            format!("expected {range}"),
            help,
        );
    } else {
        let help = "no date fits all of its fields, as 30 February";
        field.refuse(
            format!("`{line}` never comes"),
            "there is no next run",
            Some(help.into()),
        );
    }
    None
}

fn judge(line: &str, zone: &str) -> bool {
    let probe = Schedule {
        name: "probe".into(),
        cron: line.into(),
        time_zone: zone.into(),
        kind: "probe".into(),
        args: json!({}),
        queue: None,
        catch_up: CatchUp::default(),
        overlap: Overlap::default(),
    };
    probe.check().is_ok()
}

/// The first field that is wrong by itself.
fn bad_part<'p>(parts: &[&'p str], zone: &str) -> Option<(usize, &'p str)> {
    let seconds = parts.len() - FIELDS.len();
    let alone = |index: usize| {
        let mut line = ["*"; 5];
        line[index] = parts[index + seconds];
        judge(&line.join(" "), zone)
    };
    (0..FIELDS.len())
        .find(|index| !alone(*index))
        .map(|index| (index, parts[index + seconds]))
}
