//! One value of a TOML document: read as what it should be, complained of where it is not.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::duration::{parse_duration, show};
use super::problem::{Problem, Problems, Severity};
use super::section::{Section, quoted};
use super::suggest::did_you_mean;

/// One value with where it stands.
#[derive(Debug, Clone)]
pub(super) struct Field<'d> {
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'d DeValue<'d>,
    pub(super) problems: &'d Problems,
}

impl<'d> Field<'d> {
    /// Complains of this value.
    pub(super) fn refuse(&self, message: String, label: impl Into<String>, help: Option<String>) {
        self.complain(Severity::Error, message, label.into(), help);
    }

    /// Remarks on this value.
    pub(super) fn warn(&self, message: String, label: impl Into<String>, help: Option<String>) {
        self.complain(Severity::Warning, message, label.into(), help);
    }

    fn complain(&self, severity: Severity, message: String, label: String, help: Option<String>) {
        let (at, span) = (self.path.clone(), self.span.clone());
        self.problems.add(Problem {
            severity,
            at,
            span,
            message,
            label,
            help,
        });
    }

    fn wrong_type(&self, expected: &str, example: &str) {
        let (name, found) = (self.name(), self.value.type_str());
        let help = Some(format!("write it as `{name} = {example}`"));
        self.refuse(
            format!("expected {expected}, found {}", an(found)),
            format!("expected {expected}"),
            help,
        );
    }

    fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// Never shows the value, wherever its line is shown.
    pub(super) fn hide(&self) {
        self.problems.hide(self.span.clone());
    }

    pub(super) fn section(&self) -> Option<Section<'d>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type("a table", "{ … }");
            return None;
        };
        Some(Section::of(self, table))
    }

    /// The tables of an array of tables. `name` is the key that tells them apart in messages.
    pub(super) fn sections(&self, name: &str) -> Vec<Section<'d>> {
        let DeValue::Array(array) = self.value else {
            self.refuse(
                format!(
                    "expected an array of tables, found {}",
                    an(self.value.type_str())
                ),
                "expected double brackets",
                Some(format!("write it as `[[{}]]`", self.path)),
            );
            return Vec::new();
        };
        let tables = array.iter().enumerate().map(|(index, value)| {
            let named = value
                .get_ref()
                .get(name)
                .and_then(|name| name.get_ref().as_str());
            let label =
                named.map_or_else(|| format!("[{index}]"), |name| format!(".{}", quoted(name)));
            Field {
                path: format!("{}{label}", self.path),
                span: value.span(),
                value: value.get_ref(),
                problems: self.problems,
            }
        });
        tables.filter_map(|field| field.section()).collect()
    }

    /// The values of an array.
    pub(super) fn items(&self) -> Vec<Field<'d>> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type("an array", "[ … ]");
            return Vec::new();
        };
        let items = array.iter().enumerate();
        let items = items.map(|(index, value)| Field {
            path: format!("{}[{index}]", self.path),
            span: value.span(),
            value: value.get_ref(),
            problems: self.problems,
        });
        items.collect()
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong_type("a string", "\"…\"");
        }
        text
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let DeValue::Boolean(yes) = self.value else {
            self.wrong_type("true or false", "true");
            return None;
        };
        Some(*yes)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let label = format!("expected {}", known.join(", "));
            self.refuse(
                format!("`{text}` is not a choice here"),
                label,
                did_you_mean(text, &known),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = self.value else {
            self.wrong_type(&expected, &range.start().max(&1).to_string());
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let inside = number.filter(|number| range.contains(number));
        if inside.is_none() {
            self.refuse(
                format!("{integer} is out of range"),
                format!("expected {expected}"),
                None,
            );
        }
        inside
    }

    pub(super) fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let text = match self.value {
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::Float(float) => float.as_str().to_owned(),
            _ => {
                self.wrong_type(&expected, &format!("{:.1}", range.start()));
                return None;
            }
        };
        let inside = text
            .parse::<f64>()
            .ok()
            .filter(|number| range.contains(number));
        if inside.is_none() {
            self.refuse(
                format!("{text} is out of range"),
                format!("expected {expected}"),
                None,
            );
        }
        inside
    }

    /// A span of time, as `"90s"`, `"2m"` or `"1h 30m"`, within `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a duration", "\"30s\"");
            return None;
        };
        let Ok(duration) = parse_duration(text) else {
            let help = Some("write a number with its unit: `\"500ms\"`, `\"90s\"`, `\"2m\"`, `\"1h 30m\"`, `\"7d\"`".into());
            self.refuse(
                format!("`{text}` is not a duration"),
                "expected a number with a unit",
                help,
            );
            return None;
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        let label = format!(
            "expected {} to {}",
            show(*range.start()),
            show(*range.end())
        );
        self.refuse(format!("{text} is out of range"), label, None);
        None
    }

    /// The keys of a table; none of anything else.
    pub(super) fn keys(&self) -> Vec<&'d str> {
        let table = self.value.as_table();
        table
            .into_iter()
            .flat_map(|table| table.keys())
            .map(|key| key.get_ref().as_ref())
            .collect()
    }

    /// This value, or the part of a one-line string that `within` says, in bytes.
    pub(super) fn part(&self, within: Range<usize>) -> Field<'d> {
        let mut part = self.clone();
        // The quote before the text is one byte; only text without escapes has the length it shows.
        if self
            .value
            .as_str()
            .is_some_and(|text| text.len() + 2 == self.span.len())
        {
            part.span = self.span.start + 1 + within.start..self.span.start + 1 + within.end;
        }
        part
    }

    /// The value as JSON. TOML's dates become text: JSON has none. Complains of numbers that would
    /// not come out of JSON as they went in.
    pub(super) fn json(&self) -> Value {
        match self.value {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(integer) => {
                let (digits, radix) = (integer.as_str(), integer.radix());
                let signed = i64::from_str_radix(digits, radix).map(Value::from);
                let number =
                    signed.or_else(|_| u64::from_str_radix(digits, radix).map(Value::from));
                number.unwrap_or_else(|_| self.not_json(format!("{integer} does not fit 64 bits")))
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse::<f64>().ok();
                let number = number.and_then(serde_json::Number::from_f64);
                number.map_or_else(
                    || self.not_json(format!("{} is no number in JSON", float.as_str())),
                    Value::Number,
                )
            }
            DeValue::Boolean(truth) => Value::from(*truth),
            DeValue::Datetime(instant) => Value::from(instant.to_string()),
            DeValue::Array(array) => {
                let items = array.iter().enumerate();
                items
                    .map(|(index, item)| self.inner(&format!("[{index}]"), item).json())
                    .collect()
            }
            DeValue::Table(table) => {
                let entries = table.iter().map(|(key, item)| {
                    let name = key.get_ref().to_string();
                    let value = self.inner(&format!(".{}", quoted(&name)), item).json();
                    (name, value)
                });
                entries.collect()
            }
        }
    }

    fn inner(&self, step: &str, value: &'d Spanned<DeValue<'d>>) -> Field<'d> {
        Field {
            path: format!("{}{step}", self.path),
            span: value.span(),
            value: value.get_ref(),
            problems: self.problems,
        }
    }

    fn not_json(&self, message: String) -> Value {
        let help = "write it as a string, in double quotes";
        self.refuse(message, "jobs could not read it back", Some(help.into()));
        Value::Null
    }
}

fn an(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

#[cfg(test)]
mod tests {
    use engine::Registry;
    use serde_json::Value;

    use super::super::parse;

    fn args(text: &str) -> (Option<Value>, Vec<String>) {
        let file = format!("[[schedule]]\nname = \"x\"\ncron = \"0 2 * * *\"\nargs = {text}");
        let (config, report) = parse("workers.toml", &file, &Registry::new());
        let places = report.problems().iter().map(|problem| problem.at.clone());
        let places = places.filter(|at| at.contains("args")).collect();
        (
            config.and_then(|mut config| Some(config.schedules.pop()?.args)),
            places,
        )
    }

    #[test]
    fn args_that_json_could_not_hold_are_refused_at_their_place() {
        let table = [
            ("{ id = 18446744073709551616 }", "schedule.x.args.id"),
            ("{ id = -9223372036854775809 }", "schedule.x.args.id"),
            (
                "{ ids = [1, { \"a.b\" = 99999999999999999999 }] }",
                "schedule.x.args.ids[1].\"a.b\"",
            ),
            ("{ x = inf }", "schedule.x.args.x"),
            ("{ x = -nan }", "schedule.x.args.x"),
        ];

        for (text, place) in table {
            assert_eq!(args(text), (None, vec![place.to_owned()]), "{text}");
        }
    }
}
