//! Whole numbers beyond 64 bits. Every JSON reader on the way would round them to a double without a
//! word, and an id that is off by one is another id; so they are refused, with their places.

use std::ops::Range;

use super::problem::Flaw;

/// An answer to thousands of them helps nobody.
const MOST_FLAWS: usize = 20;
/// How many digits of one are shown.
const MOST_DIGITS: usize = 40;

/// Where in a JSON text whole numbers stand that fit neither an i64 nor a u64. A number with a point
/// or an exponent is meant as a double and passes. The text must be JSON already.
pub(super) fn too_large(text: &str) -> Vec<Flaw> {
    let mut scan = Scan {
        text,
        path: Vec::new(),
        flaws: Vec::new(),
    };
    let mut at = 0;
    while at < text.len() && scan.flaws.len() < MOST_FLAWS {
        at = scan.step(at);
    }
    scan.flaws
}

/// One container on the way down to a value.
enum Step {
    /// The place in an array.
    Index(usize),
    /// In an object: where the newest key stands, quotes and all, and whether a key comes next.
    Key(Range<usize>, bool),
}

struct Scan<'t> {
    text: &'t str,
    path: Vec<Step>,
    flaws: Vec<Flaw>,
}

impl Scan<'_> {
    /// Reads the token at `at`; where the next one starts.
    fn step(&mut self, at: usize) -> usize {
        match self.text.as_bytes()[at] {
            b'[' => self.path.push(Step::Index(0)),
            b'{' => self.path.push(Step::Key(0..0, true)),
            b']' | b'}' => drop(self.path.pop()),
            b',' => match self.path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(_, is_next)) => *is_next = true,
                None => {}
            },
            b'"' => return self.string(at),
            b'-' | b'0'..=b'9' => return self.number(at),
            _ => {}
        }
        at + 1
    }

    fn string(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        let end = (at + 1).min(bytes.len());
        if let Some(Step::Key(key, is_next @ true)) = self.path.last_mut() {
            (*key, *is_next) = (start..end, false);
        }
        end
    }

    fn number(&mut self, start: usize) -> usize {
        let rest = &self.text[start..];
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let number = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let is_whole = !number.contains(['.', 'e', 'E']);
        if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
            let shown = match number.len() {
                0..=MOST_DIGITS => number.to_owned(),
                digits => format!("{}… ({digits} characters)", &number[..MOST_DIGITS]),
            };
            let message = format!(
                "{shown} does not fit 64 bits and would be rounded: send it as a string, in quotes"
            );
            self.flaws.push(Flaw::new(self.pointer(), message));
        }
        start + number.len()
    }

    /// The JSON pointer of the value that stands here.
    fn pointer(&self) -> String {
        let steps = self.path.iter().map(|step| match step {
            Step::Index(index) => format!("/{index}"),
            Step::Key(key, _) => {
                let key: String = serde_json::from_str(&self.text[key.clone()]).unwrap_or_default();
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let flaws = too_large(text);
        flaws.into_iter().map(|flaw| flaw.pointer).collect()
    }

    #[test]
    fn a_whole_number_beyond_64_bits_is_found_at_its_place() {
        let table: [(&str, &[&str]); 8] = [
            ("18446744073709551616", &[""]),
            ("-9223372036854775809", &[""]),
            (
                r#"{"args": {"a": [0, {"id": 18446744073709551616}]}}"#,
                &["/args/a/1/id"],
            ),
            (
                r#"[99999999999999999999, "x", 99999999999999999999]"#,
                &["/0", "/2"],
            ),
            (r#"{"a/b~c": 99999999999999999999}"#, &["/a~1b~0c"]),
            (r#"{"q\"\\": {"x": 1}, "y": 99999999999999999999}"#, &["/y"]),
            (
                r#"{"a": {"b": 1}, "é": [[], 99999999999999999999]}"#,
                &["/é/1"],
            ),
            (
                r#"{"a": "99999999999999999999", "99999999999999999999": ",[{"}"#,
                &[],
            ),
        ];

        for (text, expected) in table {
            assert_eq!(places(text), expected, "{text}");
        }
    }

    #[test]
    fn what_64_bits_hold_and_what_is_meant_as_a_double_passes() {
        let text = "[18446744073709551615, -9223372036854775808, 9223372036854775807, 0, -0, -1, \
                    1e400, 1.5, 99999999999999999999.0, 99999999999999999999e0, 1E+25]";

        assert_eq!(places(text), Vec::<String>::new());
    }

    #[test]
    fn an_endless_number_and_endless_numbers_get_a_short_answer() {
        let one = too_large(&"9".repeat(100_000));
        let many = too_large(&format!("[{}1]", "99999999999999999999,".repeat(10_000)));

        assert!(one[0].message.len() < 200, "{}", one[0].message);
        assert_eq!(many.len(), MOST_FLAWS);
    }
}
