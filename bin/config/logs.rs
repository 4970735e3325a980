//! What is kept of what handlers say: the table `[logs]`.

use std::time::Duration;

use engine::{LogOptions, LogsOf};

use super::section::Section;
use super::suggest::did_you_mean;
use super::{DAY, SECOND};

/// The levels by their names in the file.
const LEVELS: [(&str, tracing::Level); 5] = [
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];
const OF: [(&str, LogsOf); 2] = [("all", LogsOf::All), ("failed", LogsOf::Failed)];

/// Which lines are kept, how many, and for how long.
pub(super) fn logs(
    section: Section<'_>,
    usual: Option<Duration>,
) -> (LogOptions, Option<Duration>) {
    let mut options = LogOptions::default();
    options.level = word(&section, "level", &LEVELS).unwrap_or(options.level);
    options.of = word(&section, "of", &OF).unwrap_or(options.of);
    let whole = |key, range, usual: usize| {
        let field = section.get(key);
        let number = field.and_then(|field| field.integer(range));
        number
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usual)
    };
    options.max_lines = whole("max_lines", 10..=5_000, options.max_lines);
    options.max_bytes = whole("max_bytes", 4_096..=1_048_576, options.max_bytes);
    let keep = match section.get("keep") {
        Some(field) => field.duration(SECOND * 60..=DAY * 366).or(usual),
        None => usual,
    };
    section.finish(&[("retention", "how long they are kept is `keep = \"7d\"`")]);
    (options, keep)
}

fn word<T: Copy>(section: &Section<'_>, key: &'static str, known: &[(&str, T)]) -> Option<T> {
    let field = section.get(key)?;
    let text = field.text()?;
    let found = known.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        field.refuse(
            format!("`{text}` is not known here"),
            format!("expected {}", names.join(", ")),
            did_you_mean(text, &names),
        );
    }
    found.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use engine::{LogsOf, Registry};

    use super::super::parse;

    #[test]
    fn what_is_said_is_read_and_nonsense_is_refused() {
        let text = "[logs]\nlevel = \"debug\"\nof = \"failed\"\nmax_lines = 50\nkeep = \"2d\"";
        let config = parse("workers.toml", text, &Registry::new()).0.unwrap();

        let logs = config.logs;
        assert_eq!(
            (logs.level, logs.of, logs.max_lines, logs.max_bytes),
            (tracing::Level::DEBUG, LogsOf::Failed, 50, 32_768)
        );
        assert_eq!(config.worker.retention.logs, Some(super::DAY * 2));
        for nonsense in [
            "level = \"loud\"",
            "of = \"some\"",
            "max_lines = 1",
            "max_bytes = 10000000",
            "keep = \"0s\"",
            "kept = \"7d\"",
        ] {
            let (_, report) = parse(
                "workers.toml",
                &format!("[logs]\n{nonsense}"),
                &Registry::new(),
            );
            assert_eq!(report.errors(), 1, "{nonsense}");
        }
    }
}
