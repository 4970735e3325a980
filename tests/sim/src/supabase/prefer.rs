//! The `Prefer` header.

use axum::http::HeaderMap;

/// What a call prefers, as far as it is understood.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefer {
    pub(super) count: bool,
    pub(super) representation: bool,
    pub(super) headers_only: bool,
    pub(super) merge: bool,
    pub(super) ignore: bool,
    pub(super) missing_default: bool,
    pub(super) max_affected: Option<usize>,
    applied: Vec<String>,
}

impl Prefer {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let mut strict = false;
        let mut most = None;
        let lines = headers.get_all("prefer").iter();
        let words = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim);
        for word in words {
            match word {
                "count=exact" | "count=planned" | "count=estimated" => prefer.count = true,
                "return=representation" => prefer.representation = true,
                "return=headers-only" => prefer.headers_only = true,
                "return=minimal" => {}
                "resolution=merge-duplicates" => prefer.merge = true,
                "resolution=ignore-duplicates" => prefer.ignore = true,
                "missing=default" => prefer.missing_default = true,
                "handling=strict" => strict = true,
                other => match other.strip_prefix("max-affected=").map(str::parse) {
                    Some(Ok(number)) => most = Some(number),
                    _ => continue,
                },
            }
            prefer.applied.push(word.to_owned());
        }
        prefer.max_affected = most.filter(|_| strict);
        prefer
    }

    /// The value of `Preference-Applied`.
    pub(super) fn applied(&self) -> Option<String> {
        (!self.applied.is_empty()).then(|| self.applied.join(", "))
    }
}
