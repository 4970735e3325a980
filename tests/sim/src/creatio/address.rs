//! What a URL says: the parts of its path, and its query options.

use super::guid::Guid;
use super::reply::Fault;

/// What is asked for, below the root of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Service,
    Metadata,
    Batch,
    Set(String),
    Count(String),
    Record(String, Guid),
    /// A field of a record, a lookup's record, or `$value` of a field.
    Part(String, Guid, Vec<String>),
}

impl Resource {
    /// Reads a path without its root; `None` is nothing that the service knows.
    pub(super) fn read(path: &str) -> Option<Self> {
        let path = decoded(path.trim_matches('/'), false);
        if path.is_empty() {
            return Some(Self::Service);
        }
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        let mut rest: Vec<String> = rest
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        match first {
            "$metadata" => return rest.is_empty().then_some(Self::Metadata),
            "$batch" => return rest.is_empty().then_some(Self::Batch),
            _ => {}
        }
        if let Some((set, key)) = first.split_once('(') {
            let key = Guid::parse(key.strip_suffix(')')?)?;
            return Some(Self::record(set, key, rest));
        }
        let Some(second) = rest.first() else {
            return Some(Self::Set(first.to_owned()));
        };
        if second == "$count" && rest.len() == 1 {
            return Some(Self::Count(first.to_owned()));
        }
        // The vendor's own examples of batches have the key as a segment of the path.
        let key = Guid::parse(second)?;
        rest.remove(0);
        Some(Self::record(first, key, rest))
    }

    fn record(set: &str, key: Guid, rest: Vec<String>) -> Self {
        let set = set.to_owned();
        if rest.is_empty() {
            Self::Record(set, key)
        } else {
            Self::Part(set, key, rest)
        }
    }
}

/// The query options of a call, as texts.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) select: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) orderby: Option<String>,
    pub(super) top: Option<usize>,
    pub(super) skip: usize,
    pub(super) count: bool,
    pub(super) expand: Option<String>,
}

impl Options {
    pub(super) fn read(query: &str) -> Result<Self, Fault> {
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(&decoded(name, true), decoded(value, true))?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Fault> {
        let number = |value: &str| {
            let invalid = |_| {
                Fault::query(format!(
                    "Invalid value '{value}' for {name} query option found. The {name} query \
                     option requires a non-negative integer value."
                ))
            };
            value.parse::<usize>().map_err(invalid)
        };
        match name {
            "$select" => self.select = Some(value),
            "$filter" => self.filter = Some(value),
            "$orderby" => self.orderby = Some(value),
            "$expand" => self.expand = Some(value),
            "$top" => self.top = Some(number(&value)?),
            "$skip" => self.skip = number(&value)?,
            "$count" => {
                self.count = value.parse().map_err(|_| {
                    Fault::query(format!(
                        "Invalid value '{value}' for $count query option found."
                    ))
                })?;
            }
            "$format" if value.contains("json") => {}
            name if name.starts_with('$') => {
                return Err(Fault::query(format!(
                    "The query parameter '{name}' is not supported."
                )));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Percent-encoding undone, and in queries a plus for a blank.
pub(super) fn decoded(text: &str, plus_is_blank: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                match digit(high).zip(digit(low)) {
                    Some((high, low)) => {
                        bytes.push((high * 16 + low) as u8);
                        rest = after;
                    }
                    None => bytes.push(b'%'),
                }
            }
            (b'+', _) if plus_is_blank => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_parentheses_or_as_a_segment() {
        let text = "3b9f1667-165a-4dbf-b422-4d490c214605";
        let key = Guid::parse(text).unwrap();
        let record = Some(Resource::Record("Lead".to_owned(), key));

        assert_eq!(Resource::read(&format!("Lead({text})")), record);
        assert_eq!(Resource::read(&format!("/Lead/{text}")), record);
        assert_eq!(Resource::read(&format!("Lead(guid'{text}')")), None);
        assert_eq!(Resource::read(&format!("Lead('{text}')")), None);
    }

    #[test]
    fn what_is_no_encoding_stays_as_it_is() {
        assert_eq!(decoded("%2B38+%41%zz%4", true), "+38 A%zz%4");
    }
}
