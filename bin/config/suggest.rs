//! "Did you mean": the known word nearest to one that is not known.

/// The nearest of `known`, if it is near enough to be what was meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let lower = candidate.to_lowercase();
        let mut score = strsim::jaro_winkler(&word, &lower);
        // A forgotten prefix or suffix is the other common slip: `sync_zones`, `soundtrack.sync`.
        if word.len() >= 3 && lower.contains(&word) {
            score = score.max(0.85);
        }
        // Below this, suggestions are mostly noise ("cron" for "kind" scores 0.5).
        if score >= 0.8 && best.is_none_or(|(top, _)| score > top) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A help line with the nearest word, or else with all of them.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    if let Some(meant) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let all: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    (!all.is_empty()).then(|| format!("expected one of {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant() {
        let kinds = ["soundtrack.sync_zones", "soundtrack.sync_all"];

        assert_eq!(
            nearest("soundtrack.sync_zone", kinds),
            Some("soundtrack.sync_zones")
        );
        assert_eq!(nearest("sync_all", kinds), Some("soundtrack.sync_all"));
        assert_eq!(nearest("concurency", ["concurrency"]), Some("concurrency"));
        assert_eq!(nearest("zoho.pull", kinds), None);
    }

    #[test]
    fn without_a_near_word_all_are_named() {
        let help = did_you_mean("maybe", &["skip", "queue"]);

        assert_eq!(help.as_deref(), Some("expected one of `skip`, `queue`"));
    }
}
