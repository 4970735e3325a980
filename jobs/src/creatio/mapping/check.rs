//! Check: a mapping beside what Creatio says of itself, and what there is here.

use std::collections::BTreeMap;

use connectors::creatio::{Edm, Entity, Metadata, Property};

use super::{Codec, Fault, FieldMap, Mapping, SortMap, did_you_mean};
use crate::creatio::Sort;

/// Names that a fault repeats at the most.
const NAMED: usize = 5;
/// What Creatio writes by itself.
const ITS_OWN: [&str; 6] = [
    "Id",
    "CreatedOn",
    "CreatedById",
    "ModifiedOn",
    "ModifiedById",
    "ProcessListeners",
];

/// What is in the local columns of fields, as far as it could matter to Creatio.
pub(super) type Found = BTreeMap<(Sort, String), Sample>;

#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Names that Creatio's lookup does not have.
    pub(super) misses: Vec<String>,
    /// Texts that are longer than Creatio takes.
    pub(super) too_long: i64,
}

/// Everything that is wrong, in the order of lines.
pub(super) fn faults(mapping: &Mapping, metadata: &Metadata, found: &Found) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (sort, map) in &mapping.sorts {
        let Some(entity) = metadata.entity(&map.remote) else {
            let near = did_you_mean(&map.remote, metadata.sets());
            let problem = format!("Creatio has no set `{}`{near}", map.remote);
            faults.push(fault(
                map.line,
                format!("{}.remote", sort.as_str()),
                problem,
            ));
            continue;
        };
        for (name, field) in &map.fields {
            let path = format!("{}.fields.{name}", sort.as_str());
            let problem = of_field(mapping, entity, field, map);
            let sampled = found.get(&(*sort, name.clone())).and_then(of_sample);
            faults.extend(
                problem
                    .or(sampled)
                    .map(|problem| fault(field.line, path, problem)),
            );
        }
        faults.extend(unmapped(*sort, map, entity));
    }
    faults.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    faults
}

fn fault(line: usize, path: String, problem: String) -> Fault {
    Fault {
        line,
        path,
        problem,
    }
}

fn of_field(mapping: &Mapping, entity: &Entity, field: &FieldMap, map: &SortMap) -> Option<String> {
    if ITS_OWN.contains(&field.remote.as_str()) {
        return Some(format!("Creatio writes `{}` by itself", field.remote));
    }
    let Some(property) = entity.property(&field.remote) else {
        let near = did_you_mean(&field.remote, entity.properties().map(|(name, _)| name));
        return Some(format!(
            "Creatio's {} has no column `{}`{near}",
            map.remote, field.remote
        ));
    };
    match (field.codec, &property.edm) {
        (Codec::Text | Codec::Cut | Codec::Email | Codec::Phone, Edm::Text)
        | (Codec::Whole, Edm::Int)
        | (Codec::Decimal, Edm::Decimal | Edm::Float | Edm::Int)
        | (Codec::Flag, Edm::Bool)
        | (Codec::Instant, Edm::Instant) => None,
        (Codec::Lookup, Edm::Guid) if property.lookup.is_some() => None,
        (Codec::Reference(parent), Edm::Guid) => of_reference(mapping, parent, property),
        (codec, edm) => Some(format!(
            "Creatio's `{}` is {}, which the codec {} does not fit",
            field.remote,
            word(edm, property),
            codec_word(codec)
        )),
    }
}

fn of_reference(mapping: &Mapping, parent: Sort, property: &Property) -> Option<String> {
    let Some(mapped) = mapping.sort(parent) else {
        return Some(format!(
            "it refers to a {0}, and `{0}` is not mapped",
            parent.as_str()
        ));
    };
    if property.lookup.as_deref() == Some(&mapped.remote) {
        return None;
    }
    let target = property.lookup.as_deref().unwrap_or("nothing that it says");
    Some(format!(
        "it points into {target} there, and a {} is of {}",
        parent.as_str(),
        mapped.remote
    ))
}

fn of_sample(sample: &Sample) -> Option<String> {
    if sample.too_long > 0 {
        return Some(format!(
            "{} records have a text that is longer than Creatio takes: shorten them, or use the codec cut",
            sample.too_long
        ));
    }
    if sample.misses.is_empty() {
        return None;
    }
    let named: Vec<String> = sample
        .misses
        .iter()
        .take(NAMED)
        .map(|name| format!("{name:?}"))
        .collect();
    let more = sample.misses.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Some(format!(
        "Creatio's lookup does not have {}{more}",
        named.join(", ")
    ))
}

/// What a record is not made without must come from somewhere.
fn unmapped(sort: Sort, map: &SortMap, entity: &Entity) -> Vec<Fault> {
    let mut faults = Vec::new();
    let path = || format!("{}.required", sort.as_str());
    let is_mapped = |name: &str| map.columns().any(|column| column == name);
    for name in &map.required {
        if entity.property(name).is_none() {
            let near = did_you_mean(name, entity.properties().map(|(name, _)| name));
            let problem = format!("Creatio's {} has no column `{name}`{near}", map.remote);
            faults.push(fault(map.line, path(), problem));
        } else if !is_mapped(name) && map.creates_remote {
            let problem = format!("`{name}` is required and no field is mapped to it");
            faults.push(fault(map.line, path(), problem));
        }
    }
    // Numbers, guids and times are never null there and need not be given; a text that may not be null must.
    for (name, property) in entity.properties() {
        let is_told = map.required.iter().any(|one| one == name) || ITS_OWN.contains(&name);
        if property.edm == Edm::Text
            && !property.nullable
            && map.creates_remote
            && !is_told
            && !is_mapped(name)
        {
            let problem = format!(
                "Creatio makes no {} without `{name}`, and no field is mapped to it",
                map.remote
            );
            faults.push(fault(
                map.line,
                format!("{}.fields", sort.as_str()),
                problem,
            ));
        }
    }
    faults
}

fn word(edm: &Edm, property: &Property) -> &'static str {
    match edm {
        Edm::Text => "a text",
        Edm::Int => "a whole number",
        Edm::Decimal | Edm::Float => "a decimal",
        Edm::Bool => "true or false",
        Edm::Instant => "an instant",
        Edm::Date => "a date",
        Edm::Guid if property.lookup.is_some() => "a lookup",
        Edm::Guid => "an id",
        _ => "of a type that is not synced",
    }
}

fn codec_word(codec: Codec) -> &'static str {
    match codec {
        Codec::Text => "text",
        Codec::Cut => "cut",
        Codec::Email => "email",
        Codec::Phone => "phone",
        Codec::Whole => "whole",
        Codec::Decimal => "decimal",
        Codec::Flag => "flag",
        Codec::Instant => "instant",
        Codec::Lookup => "lookup",
        Codec::Reference(_) => "reference",
    }
}
