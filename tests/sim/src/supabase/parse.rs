//! Splitting what PostgREST puts into one parameter.

/// Parts at commas that stand neither in quotes nor in brackets.
pub(super) fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0u32, false);
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if from < text.len() {
        parts.push(&text[from..]);
    }
    parts
}

/// `(a,"b,c")`.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    Some(split(inner).into_iter().map(unquoted).collect())
}

/// A name or value without the quotes around it.
pub(super) fn unquoted(text: &str) -> String {
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match bare {
        Some(bare) => bare.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    }
}
