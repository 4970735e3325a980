//! Small pieces of text that many commands share.

use std::time::Duration;

use jiff::Timestamp;

/// An instant in UTC, to the second.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The same, or a dash.
pub(crate) fn instant_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), instant)
}

/// A span for people: `850ms`, `4.2s`, `3m 20s`, `5h 12m`, `3d 4h`.
pub(crate) fn span_between(from: Timestamp, to: Timestamp) -> String {
    short(Duration::try_from(to.duration_since(from)).unwrap_or_default())
}

/// A duration for people.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `1 job`, `2 jobs`, `2 companies`.
pub(crate) fn plural(count: usize, one: &str) -> String {
    let consonant_y = one.ends_with('y') && !one.ends_with("ay") && !one.ends_with("ey");
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) if consonant_y => format!("{count} {stem}ies"),
        _ => format!("{count} {one}s"),
    }
}

/// At most so many characters.
pub(crate) fn long(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Each number as a bar; nothing is a dot.
pub(crate) fn sparkline(numbers: &[i64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    numbers
        .iter()
        .map(|number| {
            let height = usize::try_from((number * 8 - 1).max(0) / most).unwrap_or(0);
            match number {
                0 => '·',
                _ => BARS[height.min(BARS.len() - 1)],
            }
        })
        .collect()
}

/// As a shell reads it back: in quotes where it has to be.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
    // A tilde leads home, at the beginning.
    if word.starts_with(|c| c != '~' && is_plain(c)) && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_the_highest_bar_and_nothing_is_a_dot() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), "·▁▄█");
        assert_eq!(sparkline(&[0, 0]), "··");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let said = [850u64, 4_200, 200_000, 18_720_000, 273_600_000]
            .map(|ms| short(Duration::from_millis(ms)));

        assert_eq!(said, ["850ms", "4.2s", "3m 20s", "5h 12m", "3d 4h"]);
    }

    #[test]
    fn plurals_are_english() {
        let said = [
            plural(1, "job"),
            plural(0, "job"),
            plural(2, "company"),
            plural(3, "day"),
        ];

        assert_eq!(said, ["1 job", "0 jobs", "2 companies", "3 days"]);
    }

    #[test]
    fn a_shell_reads_a_word_back_as_it_was() {
        for (word, written) in [
            ("1700000000000000~company-42", "1700000000000000~company-42"),
            ("1~a b", "'1~a b'"),
            ("it's", "'it'\\''s'"),
            ("~root", "'~root'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), written);
        }
    }
}
