//! What is wrong with a filter's text: every fault with its place and what helps.

use std::fmt;
use std::ops::Range;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFault {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
    /// What may have been meant.
    pub help: Option<String>,
}

/// Everything that is wrong with one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFaults {
    /// The text.
    pub text: String,
    /// The faults in the order of their places; never empty.
    pub faults: Vec<FilterFault>,
}

impl FilterFault {
    /// What is wrong and what helps, in one line.
    pub fn said(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        }
    }
}

impl FilterFaults {
    /// The text with each fault drawn below its place, for a terminal.
    pub fn drawn(&self) -> String {
        let mut drawn = String::new();
        for fault in &self.faults {
            let before = column(&self.text, fault.span.start) - 1;
            let under = self
                .text
                .get(fault.span.clone())
                .map_or(1, |part| part.chars().count().max(1));
            let line = self.text.replace(char::is_control, " ");
            drawn.push_str(&format!(
                "{line}\n{}{} {}\n",
                " ".repeat(before),
                "^".repeat(under),
                fault.said()
            ));
        }
        drawn.truncate(drawn.trim_end().len());
        drawn
    }
}

impl fmt::Display for FilterFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read the filter")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let mark = if index == 0 { ": " } else { "; " };
            let column = column(&self.text, fault.span.start);
            write!(f, "{mark}at {column}: {}", fault.said())?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterFaults {}

/// The place of a byte for people: characters, counted from 1.
fn column(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count() + 1
}

/// "Did you mean", or else all words there are.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&word, known), known))
        .min();
    match nearest {
        // One slip in three letters; more is another word.
        Some((distance, known)) if distance <= (known.len() / 3).max(1) => {
            format!("did you mean `{known}`?")
        }
        _ => format!("known are {}", known.join(", ")),
    }
}
