//! What a site says of itself in `$metadata`: the sets, their columns, and which lookup a guid points into.
//! It is read as it streams by; tens of megabytes of XML become some hundred bytes a set.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// The entity sets of one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    sets: BTreeMap<String, Entity>,
}

/// The columns of one set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    properties: BTreeMap<String, Property>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    pub edm: Edm,
    /// Characters that fit, if the site says.
    pub max_length: Option<u32>,
    pub nullable: bool,
    /// The set that a guid points into.
    pub lookup: Option<String>,
}

/// The type of a column, as far as its values are written differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edm {
    Guid,
    Text,
    /// Whole numbers of any width.
    Int,
    /// Exact, a text of its digits on the wire.
    Decimal,
    Float,
    Bool,
    /// With its offset.
    Instant,
    Date,
    /// A file: it cannot be selected or written here.
    Stream,
    Other,
}

impl Metadata {
    /// Reads the XML of `$metadata`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(xml: &str) -> Result<Self, &'static str> {
        let mut model = Model::default();
        let mut reader = Reader::from_str(xml);
        let mut depth = 0_usize;
        loop {
            match reader.read_event() {
                Err(_) => return Err("it is no XML"),
                Ok(Event::Start(tag)) => {
                    depth += 1;
                    model.open(&tag);
                }
                Ok(Event::Empty(tag)) => {
                    model.open(&tag);
                    model.close(tag.local_name().as_ref());
                }
                Ok(Event::End(tag)) => {
                    depth -= 1;
                    model.close(tag.local_name().as_ref());
                }
                Ok(Event::Eof) if depth > 0 => return Err(CUT_OFF),
                Ok(Event::Eof) => break,
                Ok(_) => {}
            }
        }
        let read = model.finish();
        if read.sets.is_empty() {
            return Err("it names no entity set");
        }
        Ok(read)
    }

    /// The set of that name: `Lead`.
    #[must_use]
    pub fn entity(&self, set: &str) -> Option<&Entity> {
        self.sets.get(set)
    }

    /// The names of all sets, in alphabetical order.
    pub fn sets(&self) -> impl Iterator<Item = &str> {
        self.sets.keys().map(String::as_str)
    }
}

impl Entity {
    /// The column of that name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    /// All columns, in alphabetical order.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.properties
            .iter()
            .map(|(name, one)| (name.as_str(), one))
    }
}

/// Why half of a description is none.
pub(super) const CUT_OFF: &str = "it is cut off";
/// Types that inherit from others do so over no more steps.
const DEEPEST: usize = 16;

/// What was read so far.
#[derive(Default)]
struct Model {
    namespace: String,
    /// By their names with the namespace.
    types: BTreeMap<String, Type>,
    /// The type that is being read.
    open: Option<String>,
    sets: BTreeMap<String, Set>,
    set: Option<String>,
}

#[derive(Default)]
struct Type {
    base: Option<String>,
    properties: BTreeMap<String, Property>,
    navigations: Vec<Navigation>,
}

struct Navigation {
    name: String,
    target: String,
    /// The column that holds the id, if the site says.
    column: Option<String>,
}

#[derive(Default)]
struct Set {
    of: String,
    /// The set behind a navigation.
    bindings: BTreeMap<String, String>,
}

impl Model {
    fn open(&mut self, tag: &BytesStart) {
        let get = |name: &str| attribute(tag, name);
        match tag.local_name().as_ref() {
            b"Schema" => self.namespace = get("Namespace").unwrap_or_default(),
            b"EntityType" => {
                let name = format!("{}.{}", self.namespace, get("Name").unwrap_or_default());
                let base = get("BaseType");
                self.types.insert(
                    name.clone(),
                    Type {
                        base,
                        ..Type::default()
                    },
                );
                self.open = Some(name);
            }
            b"Property" => {
                if let (Some(open), Some(name)) = (self.open_type(), get("Name")) {
                    open.properties.insert(name, property(tag));
                }
            }
            b"NavigationProperty" => {
                if let (Some(open), Some(name), Some(target)) =
                    (self.open_type(), get("Name"), get("Type"))
                {
                    open.navigations.push(Navigation {
                        name,
                        target,
                        column: None,
                    });
                }
            }
            b"ReferentialConstraint" => {
                if let Some(last) = self
                    .open_type()
                    .and_then(|open| open.navigations.last_mut())
                {
                    last.column = get("Property");
                }
            }
            b"EntitySet" => {
                if let (Some(name), Some(of)) = (get("Name"), get("EntityType")) {
                    self.sets.insert(
                        name.clone(),
                        Set {
                            of,
                            ..Set::default()
                        },
                    );
                    self.set = Some(name);
                }
            }
            b"NavigationPropertyBinding" => {
                let set = self.set.as_ref().and_then(|name| self.sets.get_mut(name));
                if let (Some(set), Some(path), Some(target)) = (set, get("Path"), get("Target")) {
                    set.bindings.insert(path, target);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"EntityType" => self.open = None,
            b"EntitySet" => self.set = None,
            _ => {}
        }
    }

    fn open_type(&mut self) -> Option<&mut Type> {
        self.types.get_mut(self.open.as_ref()?)
    }

    fn finish(self) -> Metadata {
        let mut set_of: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, set) in &self.sets {
            set_of.entry(&set.of).or_insert(name);
        }
        let entity = |(name, set): (&String, &Set)| {
            let mut entity = Entity::default();
            for one in self.line(&set.of) {
                entity.properties.extend(one.properties.clone());
                for navigation in &one.navigations {
                    let bound = set.bindings.get(&navigation.name).map(String::as_str);
                    let target = bound.or_else(|| set_of.get(navigation.target.as_str()).copied());
                    // The navigation is the column without `Id` (sheet section 2), if the site does not say.
                    let column = navigation.column.clone();
                    let column = column.unwrap_or_else(|| format!("{}Id", navigation.name));
                    let property = entity.properties.get_mut(&column);
                    if let Some(property) = property.filter(|one| one.edm == Edm::Guid) {
                        property.lookup = target.map(str::to_owned);
                    }
                }
            }
            (name.clone(), entity)
        };
        Metadata {
            sets: self.sets.iter().map(entity).collect(),
        }
    }

    /// A type behind all that it inherits from.
    fn line(&self, name: &str) -> Vec<&Type> {
        let mut line = Vec::new();
        let mut next = self.types.get(name);
        while let Some(one) = next.filter(|_| line.len() < DEEPEST) {
            line.push(one);
            next = one.base.as_ref().and_then(|base| self.types.get(base));
        }
        line.reverse();
        line
    }
}

fn property(tag: &BytesStart) -> Property {
    Property {
        edm: match attribute(tag, "Type").unwrap_or_default().as_str() {
            "Edm.Guid" => Edm::Guid,
            "Edm.String" => Edm::Text,
            "Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Byte" | "Edm.SByte" => Edm::Int,
            "Edm.Decimal" => Edm::Decimal,
            "Edm.Double" | "Edm.Single" => Edm::Float,
            "Edm.Boolean" => Edm::Bool,
            "Edm.DateTimeOffset" => Edm::Instant,
            "Edm.Date" => Edm::Date,
            "Edm.Stream" => Edm::Stream,
            _ => Edm::Other,
        },
        // `max` is no number, and no limit.
        max_length: attribute(tag, "MaxLength").and_then(|text| text.parse().ok()),
        nullable: attribute(tag, "Nullable").as_deref() != Some("false"),
        lookup: None,
    }
}

/// Names and types are plain: none holds what XML would have to escape.
fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let mut attributes = tag.attributes().filter_map(Result::ok);
    let found = attributes.find(|one| one.key.local_name().as_ref() == name.as_bytes())?;
    let value: Cow<[u8]> = found.value;
    String::from_utf8(value.into_owned()).ok()
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
