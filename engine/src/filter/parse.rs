//! Text to terms. A fault ends its term only: the rest is read on, so that all faults are told at once.

use std::ops::Range;

use uuid::Uuid;

use super::fault::suggestion;
use super::key::{KEYS, Key};
use super::value::{self, Read};
use super::{
    Compare, Filter, FilterFault, FilterFaults, Label, MAX_FILTER_BYTES, MAX_PATH, MAX_TERMS,
    MAX_VALUE_CHARS, MAX_VALUES, Term, Test,
};

/// True for what a step of a path may have without quotes.
pub(super) fn is_step(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

pub(super) fn parse(text: &str) -> Result<Filter, FilterFaults> {
    let mut parser = Parser {
        text,
        at: 0,
        faults: Vec::new(),
    };
    let terms = parser.all();
    if parser.faults.is_empty() {
        return Ok(Filter::from(terms));
    }
    Err(FilterFaults {
        text: text.to_owned(),
        faults: parser.faults,
    })
}

/// A value with its place.
struct Value {
    text: String,
    span: Range<usize>,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    faults: Vec<FilterFault>,
}

impl Parser<'_> {
    fn all(&mut self) -> Vec<Term> {
        let mut terms = Vec::new();
        let mut tried = 0;
        if self.text.len() > MAX_FILTER_BYTES {
            let message = format!("expected at most {MAX_FILTER_BYTES} bytes");
            self.fault(0..0, message, None);
            return terms;
        }
        loop {
            self.take(char::is_whitespace);
            let start = self.at;
            if self.peek().is_none() {
                return terms;
            }
            if tried == MAX_TERMS {
                let message = format!("expected at most {MAX_TERMS} terms");
                self.fault(start..self.text.len(), message, None);
                return terms;
            }
            tried += 1;
            match self.term() {
                Some(term) => terms.push(term),
                None => self.skip(),
            }
        }
    }

    fn term(&mut self) -> Option<Term> {
        let start = self.at;
        let negated = self.eat('-');
        let from = self.at;
        let word = self.take(|c| c.is_alphanumeric() || c == '_');
        let key = KEYS.iter().find(|(known, _)| *known == word);
        let path = match key {
            Some((_, Key::Args)) => self.path()?,
            _ => Vec::new(),
        };
        let said = from..self.at;
        let Some(compare) = self.compare() else {
            self.skip();
            self.fault_of_bare(from..self.at);
            return None;
        };
        let Some((_, key)) = key else {
            let known: Vec<&str> = KEYS.iter().map(|(word, _)| *word).collect();
            let help = suggestion(&word, &known);
            let message = format!("there is no key `{word}`");
            self.fault(said, message, Some(help));
            return None;
        };
        let operator = said.end..self.at;
        let values = self.values()?;
        let test = self.test(*key, path, (compare, operator), values)?;
        Some(Term {
            span: start..self.at,
            negated,
            test,
        })
    }

    fn test(
        &mut self,
        key: Key,
        path: Vec<String>,
        (compare, operator): (Compare, Range<usize>),
        values: Vec<Value>,
    ) -> Option<Test> {
        match (key, compare) {
            (Key::Count(_), _) => {}
            (Key::Span(key), Compare::Equal) => {
                let word = key.as_str();
                let help =
                    format!("`{word}>2h` is longer ago than two hours, `{word}<2h` since then");
                self.fault(operator, "expected > or <".into(), Some(help));
                return None;
            }
            (Key::Span(_), _) | (_, Compare::Equal) => {}
            _ => {
                let message = "expected `:`: only numbers and times compare";
                self.fault(operator, message.into(), None);
                return None;
            }
        }
        let test = match key {
            Key::State => Test::State(self.each(values, value::label)?),
            Key::Kind => Test::Kind(self.each(values, value::kind)?),
            Key::Text(key) => Test::Text(key, texts(values)),
            Key::Id(key) => Test::Id(key, self.each(values, value::id)?),
            Key::Count(key) => Test::Count(key, compare, self.one(values, value::number)?),
            Key::Span(key) => Test::Span(key, compare, self.one(values, value::span)?),
            Key::Args => Test::Args {
                path,
                values: texts(values),
            },
        };
        Some(test)
    }

    /// All values read, or `None` when one of them cannot be; every one of these is told.
    fn each<T>(&mut self, values: Vec<Value>, read: fn(&str) -> Read<T>) -> Option<Vec<T>> {
        let mut good = Vec::new();
        let count = values.len();
        for value in values {
            match read(&value.text) {
                Ok(one) => good.push(one),
                Err((message, help)) => self.fault(value.span, message, help),
            }
        }
        (good.len() == count).then_some(good)
    }

    fn one<T>(&mut self, values: Vec<Value>, read: fn(&str) -> Read<T>) -> Option<T> {
        if let Some(second) = values.get(1) {
            self.fault(second.span.clone(), "expected one value".into(), None);
            return None;
        }
        self.each(values, read)?.pop()
    }

    /// `.company.id`, the steps into args.
    fn path(&mut self) -> Option<Vec<String>> {
        let start = self.at;
        let mut path = Vec::new();
        while self.eat('.') {
            let from = self.at;
            let step = match self.peek() {
                Some('"') => self.quoted()?,
                _ => self.take(is_step),
            };
            if step.is_empty() {
                let help = Some("write `args.company_id:991`".to_owned());
                self.fault(from..self.at, "expected the name of a field".into(), help);
                return None;
            }
            path.push(step);
        }
        if path.is_empty() {
            let help = Some("write `args.company_id:991`".to_owned());
            self.fault(start..self.at, "expected a field of args".into(), help);
            return None;
        }
        if path.len() > MAX_PATH {
            let message = format!("expected at most {MAX_PATH} steps into args");
            self.fault(start..self.at, message, None);
            return None;
        }
        Some(path)
    }

    fn compare(&mut self) -> Option<Compare> {
        Some(if self.eat(':') {
            Compare::Equal
        } else if self.eat('>') {
            if self.eat('=') {
                Compare::AtLeast
            } else {
                Compare::More
            }
        } else if self.eat('<') {
            if self.eat('=') {
                Compare::AtMost
            } else {
                Compare::Less
            }
        } else {
            return None;
        })
    }

    fn values(&mut self) -> Option<Vec<Value>> {
        let start = self.at;
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            if !self.eat(',') {
                break;
            }
        }
        if self.peek().is_some_and(|c| !c.is_whitespace()) {
            let message = "expected a space or a comma after the closing quote";
            self.fault(self.at..self.at, message.into(), None);
            return None;
        }
        if values.len() > MAX_VALUES {
            let message = format!("expected at most {MAX_VALUES} values");
            self.fault(start..self.at, message, None);
            return None;
        }
        Some(values)
    }

    fn value(&mut self) -> Option<Value> {
        let start = self.at;
        let text = match self.peek() {
            Some('"') => self.quoted()?,
            _ => self.take(|c| !c.is_whitespace() && c != ','),
        };
        let span = start..self.at;
        let fault = if text.is_empty() && span.is_empty() {
            Some("expected a value")
        } else if text.contains('"') && self.text.as_bytes().get(start) != Some(&b'"') {
            Some("expected quotes around the whole value")
        } else if text.chars().any(char::is_control) {
            Some("expected text without control characters")
        } else {
            None
        };
        if let Some(message) = fault {
            self.fault(span, message.into(), None);
            return None;
        }
        if text.chars().count() > MAX_VALUE_CHARS {
            let message = format!("expected at most {MAX_VALUE_CHARS} characters");
            self.fault(span, message, None);
            return None;
        }
        Some(Value { text, span })
    }

    /// From a quote to the next; `\` makes a quote or another `\` a part of the value.
    fn quoted(&mut self) -> Option<String> {
        let start = self.at;
        self.eat('"');
        let mut text = String::new();
        while let Some(c) = self.bump() {
            match c {
                '"' => return Some(text),
                '\\' => match self.bump() {
                    Some(c @ ('"' | '\\')) => text.push(c),
                    _ => {
                        let message = "expected \\\" or \\\\";
                        self.fault(start..self.at, message.into(), None);
                        return None;
                    }
                },
                _ => text.push(c),
            }
        }
        self.fault(start..self.at, "expected a closing quote".into(), None);
        None
    }

    /// Words alone are the commonest slip: say what they may have been meant as.
    fn fault_of_bare(&mut self, span: Range<usize>) {
        let word = self.text.get(span.clone()).unwrap_or_default().to_owned();
        let help = if word.contains(['=', '"', ',']) {
            "write `state:dead`, `attempt>3` or `error:\"not found\"`".to_owned()
        } else if Label::parse(&word).is_some() {
            format!("did you mean `state:{word}`?")
        } else if Uuid::parse_str(&word).is_ok() {
            format!("did you mean `id:{word}`?")
        } else if word.contains('.') {
            format!("did you mean `kind:{word}`?")
        } else {
            format!("did you mean `error:{word}`?")
        };
        self.fault(span, "expected a key, `:` and a value".into(), Some(help));
    }

    fn fault(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.faults.push(FilterFault {
            span,
            message,
            help,
        });
    }
}

fn texts(values: Vec<Value>) -> Vec<String> {
    values.into_iter().map(|value| value.text).collect()
}
