//! Reads typed fields out of a record and names the one that does not fit, never its value.

use serde_json::Value;

use crate::RecordError;

/// One object of a record, with the path that led to it.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of_record(value: &'a Value) -> Result<Self, RecordError> {
        let fields = Self {
            value,
            path: String::new(),
        };
        if value.is_object() {
            Ok(fields)
        } else {
            Err(fields.not("", "an object"))
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<String, RecordError> {
        let text = self
            .get(name)?
            .as_str()
            .ok_or_else(|| self.not(name, "a text"))?;
        Ok(text.to_owned())
    }

    /// An id: opaque, but never empty.
    pub(super) fn id(&self, name: &str) -> Result<String, RecordError> {
        let id = self.text(name)?;
        if id.is_empty() {
            Err(self.not(name, "an id"))
        } else {
            Ok(id)
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, RecordError> {
        self.get(name)?
            .as_bool()
            .ok_or_else(|| self.not(name, "true or false"))
    }

    pub(super) fn maybe_number(&self, name: &str) -> Result<Option<i32>, RecordError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            value => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
                number
                    .map(Some)
                    .ok_or_else(|| self.not(name, "a whole number or null"))
            }
        }
    }

    pub(super) fn maybe_text(&self, name: &str) -> Result<Option<String>, RecordError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(self.not(name, "a text or null")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, RecordError> {
        self.maybe_object(name)?
            .ok_or_else(|| self.not(name, "an object"))
    }

    pub(super) fn maybe_object(&self, name: &str) -> Result<Option<Self>, RecordError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            value @ Value::Object(_) => Ok(Some(Self {
                value,
                path: self.path_of(name),
            })),
            _ => Err(self.not(name, "an object or null")),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    pub(super) fn not(&self, name: &str, expected: &'static str) -> RecordError {
        RecordError {
            field: self.path_of(name),
            expected,
        }
    }

    /// GraphQL gives every field that was asked for, as null at least. One that is left out is
    /// not a null: to read it as one would wipe what we know.
    fn get(&self, name: &str) -> Result<&'a Value, RecordError> {
        self.value
            .get(name)
            .ok_or_else(|| self.not(name, "present"))
    }

    fn path_of(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{name}", self.path),
        }
    }
}
