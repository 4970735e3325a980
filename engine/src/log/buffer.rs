//! The lines of one attempt, capped: the first stay, the last push each other out, and what falls
//! between is counted.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

use super::{Key, LogOptions};

/// Bytes of one line.
const LONGEST_LINE: usize = 2_000;

/// What an attempt has said so far.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) key: Key,
    begun: Instant,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    first: Vec<Kept>,
    last: VecDeque<Kept>,
    first_bytes: usize,
    last_bytes: usize,
    said: i64,
    left_out: i64,
    discarded: bool,
}

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub(crate) struct Kept {
    pub(crate) n: i64,
    pub(crate) ms: i64,
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) text: String,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.text.len() + self.target.len()
    }
}

impl Buffer {
    pub(super) fn new(key: Key) -> Buffer {
        Buffer {
            key,
            begun: Instant::now(),
            lines: Mutex::default(),
        }
    }

    /// Adds a line; false when nobody wants the lines of this attempt any more.
    pub(super) fn push(&self, level: &str, target: &str, text: &str, options: &LogOptions) -> bool {
        let ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.discarded {
            return false;
        }
        lines.said += 1;
        let line = Kept {
            n: lines.said,
            ms,
            level: level.to_owned(),
            target: target.to_owned(),
            text: cut(text, LONGEST_LINE.min(options.max_bytes / 4)),
        };
        lines.add(line, options.max_lines, options.max_bytes);
        true
    }

    /// Its lines are not wanted, and none that may come.
    pub(super) fn discard(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        *lines = Lines {
            discarded: true,
            ..Lines::default()
        };
    }

    /// All lines there are, and how many are not.
    pub(crate) fn lines(&self) -> (Vec<Kept>, i64) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let all = lines.first.iter().chain(&lines.last).cloned().collect();
        (all, lines.left_out)
    }
}

impl Lines {
    fn add(&mut self, line: Kept, most: usize, most_bytes: usize) {
        let bytes = line.bytes();
        let is_first = self.last.is_empty()
            && self.left_out == 0
            && self.first.len() < most / 2
            && self.first_bytes + bytes <= most_bytes / 2;
        if is_first {
            self.first_bytes += bytes;
            self.first.push(line);
            return;
        }
        self.last_bytes += bytes;
        self.last.push_back(line);
        while self.last.len() > most - most / 2 || self.last_bytes > most_bytes / 2 {
            let Some(gone) = self.last.pop_front() else {
                return;
            };
            self.last_bytes -= gone.bytes();
            self.left_out += 1;
        }
    }
}

/// At most so many bytes, and says when it was more.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: LogOptions = LogOptions {
        level: tracing::Level::INFO,
        of: super::super::LogsOf::All,
        max_lines: 6,
        max_bytes: 4_000,
    };

    fn said(texts: impl IntoIterator<Item = String>) -> (Vec<i64>, i64) {
        let buffer = Buffer::new((uuid::Uuid::nil(), 1));
        for text in texts {
            assert!(buffer.push("INFO", "t", &text, &OPTIONS));
        }
        let (lines, left_out) = buffer.lines();
        let bytes: usize = lines.iter().map(Kept::bytes).sum();
        assert!(bytes <= OPTIONS.max_bytes, "{bytes}");
        (lines.iter().map(|line| line.n).collect(), left_out)
    }

    #[test]
    fn the_first_and_the_last_lines_stay() {
        let few = (1..=6).map(|n| n.to_string());
        let many = (1..=100).map(|n| n.to_string());

        assert_eq!(said(few), (vec![1, 2, 3, 4, 5, 6], 0));
        assert_eq!(said(many), (vec![1, 2, 3, 98, 99, 100], 94));
    }

    #[test]
    fn long_lines_are_cut_and_count_by_their_bytes() {
        let long = (0..10).map(|_| "ä".repeat(5_000));

        assert_eq!(said(long), (vec![1, 2, 9, 10], 6));
    }

    #[test]
    fn a_short_line_after_long_ones_is_not_taken_for_a_first() {
        let (first, last) = ("x".repeat(1_900), "y".repeat(100));

        let texts = [first.clone(), first.clone(), last];

        assert_eq!(said(texts).0, [1, 2, 3]);
    }

    #[test]
    fn nothing_is_added_to_what_is_not_wanted() {
        let buffer = Buffer::new((uuid::Uuid::nil(), 1));
        buffer.push("INFO", "t", "x", &OPTIONS);

        buffer.discard();

        assert!(!buffer.push("INFO", "t", "y", &OPTIONS));
        assert_eq!(buffer.lines(), (vec![], 0));
    }
}
