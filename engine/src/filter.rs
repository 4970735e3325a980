//! The filter language: which jobs are meant, in one line of text, for lists, programs, pages and
//! acts on many. Guarantees that what is printed parses back to the same filter, and that no text,
//! however odd, costs more than its length. What a term means in SQL is `store/list`'s business.
//!
//! ```
//! use engine::Filter;
//!
//! let filter = Filter::parse(r#"state:dead kind:zoho.* error:"401" -tag:vip age>2h args.company_id:991"#)?;
//! assert_eq!(Filter::parse(&filter.to_string())?, filter);
//! # Ok::<(), engine::FilterFaults>(())
//! ```

mod fault;
mod key;
mod label;
mod parse;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use uuid::Uuid;

pub use fault::{FilterFault, FilterFaults};
pub use key::{CountKey, IdKey, SpanKey, TextKey};
pub use label::Label;
pub(crate) use label::Labels;

/// Bytes of a filter's text at most.
pub const MAX_FILTER_BYTES: usize = 2_000;
/// Terms of a filter at most.
pub const MAX_TERMS: usize = 20;
/// Values of one term at most.
pub const MAX_VALUES: usize = 20;
/// Characters of one value at most.
pub const MAX_VALUE_CHARS: usize = 200;
/// Steps of a path into args at most.
pub const MAX_PATH: usize = 8;

/// Which jobs are meant: those that meet every term. None is all jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// One condition. Two are equal when they say the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Term {
    /// Where it stands in the text, in bytes; empty for one that was not parsed.
    pub span: Range<usize>,
    /// True for `-tag:vip`: the jobs that do not meet the test.
    pub negated: bool,
    /// What is tested.
    pub test: Test,
}

impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        (self.negated, &self.test) == (other.negated, &other.test)
    }
}

/// What a term tests. Of several values one must fit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// `state:dead`, `state:retrying`.
    State(Vec<Label>),
    /// `kind:zoho.pull_contacts`, `kind:zoho.*`.
    Kind(Vec<String>),
    /// `queue:default`, `error:"401"`.
    Text(TextKey, Vec<String>),
    /// `id:…`, `parent:…`.
    Id(IdKey, Vec<Uuid>),
    /// `attempt>3`.
    Count(CountKey, Compare, i64),
    /// `age>2h`: whole seconds.
    Span(SpanKey, Compare, Duration),
    /// `args.company.id:991`: a number or word fits as itself and as text.
    Args {
        /// Names of fields and places in arrays, outermost first.
        path: Vec<String>,
        /// What may stand there.
        values: Vec<String>,
    },
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `:`
    Equal,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
}

impl Compare {
    /// As it is written; only `:` differs from its SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Compare::Equal => ":",
            Compare::More => ">",
            Compare::AtLeast => ">=",
            Compare::Less => "<",
            Compare::AtMost => "<=",
        }
    }
}

impl Filter {
    /// All jobs.
    pub fn new() -> Filter {
        Filter::default()
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its place, what was expected and what may
    /// have been meant.
    pub fn parse(text: &str) -> Result<Filter, FilterFaults> {
        parse::parse(text)
    }

    /// Its terms, in the order they were said.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// With one more condition.
    #[must_use]
    pub fn with(mut self, test: Test) -> Filter {
        self.terms.push(Term {
            span: 0..0,
            negated: false,
            test,
        });
        self
    }

    /// With every condition of another.
    #[must_use]
    pub fn and(mut self, other: Filter) -> Filter {
        self.terms.extend(other.terms);
        self
    }

    /// Only jobs in this state.
    #[must_use]
    pub fn state(self, state: impl Into<Label>) -> Filter {
        self.with(Test::State(vec![state.into()]))
    }

    /// Only jobs of this kind, or of all kinds of a system with `system.*`.
    #[must_use]
    pub fn kind(self, kind: impl Into<String>) -> Filter {
        self.with(Test::Kind(vec![kind.into()]))
    }

    /// Only parts of this job.
    #[must_use]
    pub fn parent(self, id: Uuid) -> Filter {
        self.with(Test::Id(IdKey::Parent, vec![id]))
    }

    /// Only jobs with this text.
    #[must_use]
    pub fn text(self, key: TextKey, value: impl Into<String>) -> Filter {
        self.with(Test::Text(key, vec![value.into()]))
    }

    /// What the terms on state leave of all labels.
    pub(crate) fn labels(&self) -> Labels {
        let mut left = Labels::ALL;
        let mut is_said = false;
        let mut tells_failure = false;
        for term in &self.terms {
            match &term.test {
                Test::State(labels) => {
                    is_said = true;
                    let said = Labels::of(labels);
                    left = left.and(if term.negated { said.inverse() } else { said });
                }
                Test::Text(TextKey::Fingerprint, _) if !term.negated => {
                    left = left.and(Labels::DEAD);
                }
                Test::Text(TextKey::Code | TextKey::Error, _) if !term.negated => {
                    tells_failure = true;
                }
                Test::Span(SpanKey::Ended, ..) if !term.negated => left = left.and(Labels::ENDED),
                _ => {}
            }
        }
        // Few jobs that ended have failed. Whoever asks for an error means these, unless they say
        // that they mean jobs that still try.
        if tells_failure && !is_said {
            left = left.and(Labels::DEAD.or(Labels::CANCELLED));
        }
        left
    }
}

impl From<Vec<Term>> for Filter {
    fn from(terms: Vec<Term>) -> Filter {
        Filter { terms }
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterFaults;

    fn from_str(text: &str) -> Result<Filter, FilterFaults> {
        Filter::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("-")?;
        }
        match &self.test {
            Test::State(labels) => listed(f, "state", labels.iter().map(|label| label.as_str())),
            Test::Kind(kinds) => listed(f, "kind", kinds),
            Test::Text(key, values) => listed(f, key.as_str(), values),
            Test::Id(key, ids) => listed(f, key.as_str(), ids.iter().map(Uuid::to_string)),
            Test::Count(key, compare, number) => {
                write!(f, "{}{}{number}", key.as_str(), compare.as_str())
            }
            Test::Span(key, compare, span) => {
                let (key, compare) = (key.as_str(), compare.as_str());
                write!(f, "{key}{compare}{}", spanned(*span))
            }
            Test::Args { path, values } => {
                f.write_str("args")?;
                for step in path {
                    let plain = !step.is_empty() && step.chars().all(parse::is_step);
                    f.write_str(".")?;
                    write_value(f, step, plain)?;
                }
                listed(f, "", values)
            }
        }
    }
}

fn listed<S: AsRef<str>>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    values: impl IntoIterator<Item = S>,
) -> fmt::Result {
    for (index, value) in values.into_iter().enumerate() {
        let value = value.as_ref();
        f.write_str(if index == 0 { key } else { "," })?;
        if index == 0 {
            f.write_str(":")?;
        }
        let is_plain = |c: char| !c.is_whitespace() && !matches!(c, ',' | '"' | '\\');
        write_value(f, value, !value.is_empty() && value.chars().all(is_plain))?;
    }
    Ok(())
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &str, plain: bool) -> fmt::Result {
    if plain {
        return f.write_str(value);
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    write!(f, "\"{escaped}\"")
}

/// In the largest unit that gives it whole.
fn spanned(span: Duration) -> String {
    let seconds = span.as_secs();
    for (unit, length) in value::UNITS {
        if seconds > 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}
