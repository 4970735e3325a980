//! Spans of time as people write them.

use std::time::Duration;

/// `2m`, `1h 30m`, `500 ms` …; a day is 24 hours.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, jiff::Error> {
    // jiff has no fixed length for days and weeks, since days can be shorter; retention needs none
    // of that precision.
    let span: jiff::Span = text.trim().parse()?;
    let exact = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())?;
    Duration::try_from(exact)
}

/// As it would be written in the file.
pub(super) fn show(duration: Duration) -> String {
    let exact = jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX);
    let printer = jiff::fmt::friendly::SpanPrinter::new();
    let seconds = exact.as_secs();
    match seconds {
        s if s > 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        _ => printer.duration_to_string(&exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_shown_again() {
        for (text, seconds, shown) in [
            ("90s", 90, "1m 30s"),
            ("1h 30m", 5_400, "1h 30m"),
            ("7d", 604_800, "7d"),
        ] {
            let duration = parse_duration(text).unwrap();

            assert_eq!(duration, Duration::from_secs(seconds));
            assert_eq!(show(duration), shown);
        }
        assert!(parse_duration("20 sceonds").is_err());
        assert!(parse_duration("-5s").is_err());
    }
}
