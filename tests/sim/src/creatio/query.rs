//! The query options of a list, read against the schema.

use super::address::Options;
use super::filter::{Condition, Path, Reader, path};
use super::reply::Fault;
use super::schema::{Entity, ID, MODIFIED_ON, Schema};
use super::switches::Switches;
use super::table::Walk;

/// A list, as asked for.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) condition: Option<Condition>,
    pub(super) order: Vec<(Path, bool)>,
    pub(super) shape: Shape,
    pub(super) top: Option<usize>,
    pub(super) skip: usize,
    pub(super) count: bool,
}

/// Which columns of a record are given, and which lookups' records with it.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) columns: Vec<usize>,
    /// Whether they were chosen, and are named in the context.
    pub(super) is_chosen: bool,
    pub(super) expands: Vec<Expand>,
}

#[derive(Debug)]
pub(super) struct Expand {
    pub(super) column: usize,
    pub(super) name: &'static str,
    pub(super) target: &'static str,
    pub(super) shape: Shape,
}

impl Query {
    pub(super) fn read(
        schema: &Schema,
        entity: &Entity,
        options: &Options,
        switches: &Switches,
    ) -> Result<Self, Fault> {
        let reader = Reader {
            schema,
            entity,
            switches,
        };
        let filter = options.filter.as_deref();
        let condition = filter.map(|text| reader.read(text)).transpose()?;
        let order = options.orderby.as_deref().map_or(Ok(Vec::new()), |text| {
            text.split(',')
                .map(|part| ordered(schema, entity, part))
                .collect()
        })?;
        Ok(Self {
            condition,
            order,
            shape: Shape::read(schema, entity, options)?,
            top: options.top,
            skip: options.skip,
            count: options.count,
        })
    }

    /// The walk that meets few records too many, and whether it meets them in the order asked for.
    pub(super) fn walk(&self, switches: &Switches) -> (Walk, bool) {
        let from = self.condition.as_ref().and_then(Condition::modified_from);
        let names: Vec<(usize, bool)> = self
            .order
            .iter()
            .filter(|(path, _)| path.steps.is_empty())
            .map(|(path, descending)| (path.column, *descending))
            .collect();
        let plain = names.len() == self.order.len();
        let walk = match names.as_slice() {
            [] if plain && switches.stable_ties => Some(Walk::ById { descending: false }),
            [(ID, descending), ..] if plain => Some(Walk::ById {
                descending: *descending,
            }),
            [(MODIFIED_ON, descending)] if plain && switches.stable_ties => {
                Some(Walk::ByModified {
                    from,
                    descending: *descending,
                })
            }
            [(MODIFIED_ON, descending), (ID, same), ..] if plain && descending == same => {
                Some(Walk::ByModified {
                    from,
                    descending: *descending,
                })
            }
            _ => None,
        };
        let by_time = Walk::ByModified {
            from,
            descending: false,
        };
        match walk {
            Some(walk) => (walk, true),
            None => (by_time, false),
        }
    }
}

impl Shape {
    pub(super) fn read(schema: &Schema, entity: &Entity, options: &Options) -> Result<Self, Fault> {
        let expands = options.expand.as_deref().unwrap_or_default();
        let expands = split(expands, ',')
            .into_iter()
            .map(|part| Expand::read(schema, entity, part.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        let everything = || (0..entity.columns.len()).collect();
        let (columns, is_chosen) = match options.select.as_deref().map(str::trim) {
            None | Some("*") => (everything(), false),
            Some(select) => (selected(entity, select, &expands)?, true),
        };
        Ok(Self {
            columns,
            is_chosen,
            expands,
        })
    }

    /// As the context names it: `(Id,QualifyStatus(Name))`.
    pub(super) fn context(&self, entity: &Entity, schema: &Schema) -> String {
        let mut names = Vec::new();
        if self.is_chosen {
            let columns = self.columns.iter();
            names.extend(columns.map(|at| entity.columns[*at].name.to_owned()));
        }
        for expand in &self.expands {
            let target = schema.get(expand.target);
            let inner = target.map(|target| expand.shape.context(target, schema));
            let inner = inner.filter(|inner| !inner.is_empty());
            names.push(format!(
                "{}{}",
                expand.name,
                inner.unwrap_or_else(|| "()".to_owned())
            ));
        }
        if names.is_empty() {
            return String::new();
        }
        format!("({})", names.join(","))
    }
}

impl Expand {
    /// `QualifyStatus` or `QualifyStatus($select=Name;$expand=…)`.
    fn read(schema: &Schema, entity: &Entity, part: &str) -> Result<Self, Fault> {
        let (name, inner) = match part.split_once('(') {
            Some((name, inner)) => {
                let unclosed = || Fault::query(format!("Syntax error in '$expand={part}'."));
                (name.trim(), inner.strip_suffix(')').ok_or_else(unclosed)?)
            }
            None => (part, ""),
        };
        let unknown = || Fault::unknown(name, &entity.type_name());
        let column = entity.navigation(name).ok_or_else(unknown)?;
        let navigation = entity.columns[column].navigation().ok_or_else(unknown)?;
        let target = entity.columns[column]
            .target
            .and_then(|name| schema.get(name));
        let target = target.ok_or_else(unknown)?;
        let mut options = Options::default();
        for option in split(inner, ';') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name.trim() {
                "$select" => options.select = Some(value.to_owned()),
                "$expand" => options.expand = Some(value.to_owned()),
                other => {
                    let message = format!("The query parameter '{other}' is not supported.");
                    return Err(Fault::query(message));
                }
            }
        }
        Ok(Self {
            column,
            name: navigation,
            target: target.name,
            shape: Shape::read(schema, target, &options)?,
        })
    }
}

fn selected(entity: &Entity, select: &str, expands: &[Expand]) -> Result<Vec<usize>, Fault> {
    let mut columns = Vec::new();
    for name in select.split(',').map(str::trim) {
        match entity.column(name) {
            Some(column) if !columns.contains(&column) => columns.push(column),
            Some(_) => {}
            // A lookup's record may be chosen where it is also expanded.
            None if expands.iter().any(|expand| expand.name == name) => {}
            None => return Err(Fault::unknown(name, &entity.type_name())),
        }
    }
    Ok(columns)
}

fn ordered(schema: &Schema, entity: &Entity, part: &str) -> Result<(Path, bool), Fault> {
    let mut words = part.split_whitespace();
    let names: Vec<&str> = words.next().unwrap_or_default().split('/').collect();
    let path = path(schema, entity, &names)?;
    match (words.next(), words.next()) {
        (None | Some("asc"), None) => Ok((path, false)),
        (Some("desc"), None) => Ok((path, true)),
        _ => Err(Fault::query(format!("Syntax error in '$orderby={part}'."))),
    }
}

/// Splits where no parenthesis is open; nothing gives no parts.
fn split(text: &str, by: char) -> Vec<&str> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            letter if letter == by && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    if begin < text.len() {
        parts.push(&text[begin..]);
    }
    parts
}
