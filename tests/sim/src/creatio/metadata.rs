//! `$metadata`, and the list of entity sets.

use std::fmt::Write;

use serde_json::{Value, json};

use super::cell::Kind;
use super::reply::{Answer, JSON, XML};
use super::schema::{Column, Entity, ID, NAMESPACE, Schema};
use super::switches::{Empties, Switches};

/// The entity data model as XML.
pub(super) fn metadata(schema: &Schema, switches: &Switches) -> Answer {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\
         <edmx:DataServices>",
    );
    // Writing to a text cannot fail.
    let _ = write!(
        xml,
        "<Schema Namespace=\"{NAMESPACE}\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">"
    );
    for entity in schema.all() {
        entity_type(entity, switches, &mut xml);
    }
    xml.push_str("<EntityContainer Name=\"Container\">");
    for entity in schema.all() {
        let (name, kind) = (entity.name, entity.type_name());
        let _ = write!(xml, "<EntitySet Name=\"{name}\" EntityType=\"{kind}\">");
        for column in &entity.columns {
            if let (Some(path), Some(target)) = (column.navigation(), column.target) {
                let _ = write!(
                    xml,
                    "<NavigationPropertyBinding Path=\"{path}\" Target=\"{target}\"/>"
                );
            }
        }
        xml.push_str("</EntitySet>");
    }
    xml.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
    Answer::new(200, XML, xml).with("odata-version", "4.0")
}

fn entity_type(entity: &Entity, switches: &Switches, xml: &mut String) {
    let _ = write!(
        xml,
        "<EntityType Name=\"{}\"><Key><PropertyRef Name=\"Id\"/></Key>",
        entity.name
    );
    for (at, column) in entity.columns.iter().enumerate() {
        let _ = write!(
            xml,
            "<Property Name=\"{}\" Type=\"{}\"",
            column.name,
            column.kind.word()
        );
        if at == ID || is_never_null(column, switches) {
            xml.push_str(" Nullable=\"false\"");
        }
        if let Some(length) = column.length.filter(|_| switches.metadata_tells_lengths) {
            let _ = write!(xml, " MaxLength=\"{length}\"");
        }
        if column.kind == Kind::Decimal {
            xml.push_str(" Precision=\"20\" Scale=\"variable\"");
        }
        if column.kind == Kind::Time {
            xml.push_str(" Precision=\"6\"");
        }
        xml.push_str("/>");
    }
    for column in &entity.columns {
        if let (Some(name), Some(target)) = (column.navigation(), column.target) {
            let _ = write!(
                xml,
                "<NavigationProperty Name=\"{name}\" Type=\"{NAMESPACE}.{target}\">\
                 <ReferentialConstraint Property=\"{}\" ReferencedProperty=\"Id\"/>\
                 </NavigationProperty>",
                column.name
            );
        }
    }
    xml.push_str("</EntityType>");
}

/// Numbers and booleans are values of .NET, and so are guids and times where they have zeroes.
fn is_never_null(column: &Column, switches: &Switches) -> bool {
    match column.kind {
        Kind::Int | Kind::Decimal | Kind::Bool => true,
        Kind::Guid | Kind::Time => switches.empties == Empties::Zeroes,
        Kind::Text | Kind::Stream => false,
    }
}

/// The service document.
pub(super) fn service(schema: &Schema, root: &str) -> Answer {
    let set =
        |entity: &Entity| json!({"name": entity.name, "kind": "EntitySet", "url": entity.name});
    let sets: Vec<Value> = schema.all().map(set).collect();
    let body = json!({"@odata.context": format!("{root}/$metadata"), "value": sets});
    Answer::new(200, JSON, body.to_string()).with("odata-version", "4.0")
}
