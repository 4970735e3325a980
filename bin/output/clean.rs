//! Text of others must not steer the terminal that shows it: an error message or a zone's name can
//! hold escape sequences that recolour, retitle or overwrite.

/// Without control characters (C0, DEL, C1) and without marks that turn the direction of writing.
/// Line ends and tabs become blanks.
pub(crate) fn clean(text: &str) -> String {
    keep_lines(text).replace('\n', " ")
}

/// The same, and line ends stay.
pub(super) fn keep_lines(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => cleaned.push('\n'),
            '\t' => cleaned.push(' '),
            // A whole sequence goes, or its letters would stay behind as noise: ESC [ 3 1 m.
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            c if c.is_control() || turns(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// JSON escapes C0 by itself; DEL and C1 only ever stand inside its strings.
pub(super) fn json(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n' || turns(c)) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && c.is_control() || turns(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Embeddings, overrides and isolates of bidirectional text (UAX 9).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{9b}2J\u{7f}"), "]0;titlex2J");
        assert_eq!(clean("one\ntwo\tthree\r"), "one two three");
        assert_eq!(clean("abc\u{202e}cba"), "abccba");
        assert_eq!(clean("Hotel Ångström 東京 🎵"), "Hotel Ångström 東京 🎵");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"a": "x\u{9b}\u{7f}\u{1b}\u{202e}y"});

        let text = json(&value.to_string());

        assert!(!text.contains(['\u{9b}', '\u{7f}', '\u{1b}', '\u{202e}']));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
