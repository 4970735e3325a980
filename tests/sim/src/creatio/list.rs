//! Lists, counts, single records and their parts, written as JSON.

use std::cmp::Ordering;

use super::address::Options;
use super::cell::Cell;
use super::filter::Asking;
use super::guid::Guid;
use super::query::{Query, Shape};
use super::reply::{Answer, Fault, JSON, TEXT};
use super::save::missing;
use super::schema::{Entity, MODIFIED_ON, Schema};
use super::switches::{Empties, NoRight, OverMaxRows, Switches};
use super::table::{Row, Table, Walk};
use super::world::{Right, World};

/// Who reads, when and how.
pub(super) struct Reading<'a> {
    pub(super) world: &'a World,
    pub(super) schema: &'a Schema,
    pub(super) switches: &'a Switches,
    /// Microseconds since 1970.
    pub(super) now: i64,
    /// `http://127.0.0.1:PORT/0/odata`
    pub(super) root: &'a str,
    /// The client asked for decimals as texts.
    pub(super) quotes_decimals: bool,
    /// Counts the lists: where ties are not stable, each breaks them in its own way.
    pub(super) turn: u64,
}

struct Found<'a> {
    rows: Vec<&'a Row>,
    /// Of all that fit; known when it was asked for.
    total: usize,
    more: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn list(&self, entity: &Entity, query: &str) -> Result<Answer, Fault> {
        let options = Options::read(query)?;
        let asked = Query::read(self.schema, entity, &options, self.switches)?;
        let found = self.find(entity, &asked)?;
        let context = asked.shape.context(entity, self.schema);
        let mut body = format!(
            "{{\"@odata.context\":\"{}/$metadata#{}{context}\"",
            self.root, entity.name
        );
        if asked.count && self.switches.counts {
            body.push_str(&format!(",\"@odata.count\":{}", found.total));
        }
        body.push_str(",\"value\":[");
        for (nth, row) in found.rows.iter().enumerate() {
            if nth > 0 {
                body.push(',');
            }
            self.write(entity, row, &asked.shape, &mut body);
        }
        body.push(']');
        if found.more {
            let link = self.next_link(entity, query, &options, found.rows.len());
            body.push_str(&format!(",\"@odata.nextLink\":{}", serde_json::json!(link)));
        }
        body.push('}');
        Ok(reply(body))
    }

    /// Lists alone have a next page, where the vendor makes pages at all.
    fn next_link(&self, entity: &Entity, query: &str, options: &Options, given: usize) -> String {
        let others = query.split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !["$skip", "$top", "%24skip", "%24top"].contains(&name) && !name.is_empty()
        });
        let mut parts: Vec<String> = others.map(str::to_owned).collect();
        parts.push(format!("$skip={}", options.skip + given));
        if let Some(top) = options.top {
            parts.push(format!("$top={}", top - given));
        }
        format!("{}/{}?{}", self.root, entity.name, parts.join("&"))
    }

    pub(super) fn count(&self, entity: &Entity, query: &str) -> Result<Answer, Fault> {
        let options = Options::read(query)?;
        let mut asked = Query::read(self.schema, entity, &options, self.switches)?;
        (asked.top, asked.skip, asked.count) = (Some(0), 0, true);
        let found = self.find(entity, &asked)?;
        Ok(Answer::new(200, TEXT, found.total.to_string()).with("odata-version", "4.0"))
    }

    fn find(&self, entity: &Entity, query: &Query) -> Result<Found<'a>, Fault> {
        let none = Found {
            rows: Vec::new(),
            total: 0,
            more: false,
        };
        let rights = &self.world.rights;
        if !rights.has(entity.name, Right::Read) {
            return match self.switches.no_right {
                NoRight::Forbidden => Err(Fault::forbidden()),
                NoRight::Empty => Ok(none),
            };
        }
        let Some(table) = self.world.table(entity.name) else {
            return Ok(none);
        };
        let wanted = query.top.unwrap_or(usize::MAX);
        let (walk, in_order) = query.walk(self.switches);
        let enough = query
            .skip
            .saturating_add(wanted.min(self.switches.max_rows));
        let enough = if in_order && !query.count {
            enough.saturating_add(1)
        } else {
            usize::MAX
        };
        let mut rows = self.fitting(entity, query, table, (walk, enough));
        if !in_order {
            self.sort(&mut rows, query);
        }
        let total = rows.len();
        let left = total.saturating_sub(query.skip).min(wanted);
        let mut page = left;
        if left > self.switches.max_rows {
            if self.switches.over_max_rows == OverMaxRows::Fail {
                let limit = self.switches.max_rows;
                let message = format!("The query gives more rows than MaxEntityRowCount: {limit}.");
                return Err(Fault::database(message));
            }
            page = self.switches.max_rows;
        }
        let page = page.min(self.switches.page_size.unwrap_or(usize::MAX));
        Ok(Found {
            rows: rows.into_iter().skip(query.skip).take(page).collect(),
            total,
            more: self.switches.page_size.is_some() && page < left,
        })
    }

    fn fitting(
        &self,
        entity: &Entity,
        query: &Query,
        table: &'a Table,
        (walk, enough): (Walk, usize),
    ) -> Vec<&'a Row> {
        let asking = self.asking();
        let fits = |row: &&Row| {
            let condition = query.condition.as_ref();
            condition.is_none_or(|condition| condition.holds(row, &asking))
                && self
                    .world
                    .rights
                    .has_record(entity.name, row.id(), Right::Read)
        };
        table
            .walk(walk, self.now)
            .filter(fits)
            .take(enough)
            .collect()
    }

    fn sort(&self, rows: &mut [&Row], query: &Query) {
        let asking = self.asking();
        let order = |left: &Cell, right: &Cell| {
            // What is empty comes before all else.
            let known = asking.order(left, right);
            known.unwrap_or_else(|| right.is_empty().cmp(&left.is_empty()))
        };
        let turned = |row: &Row| {
            let stable = self.switches.stable_ties;
            if stable {
                0
            } else {
                row.id().turned(self.turn)
            }
        };
        rows.sort_by(|left, right| {
            for (path, descending) in &query.order {
                let found = order(asking.at(path, left), asking.at(path, right));
                if found != Ordering::Equal {
                    return if *descending { found.reverse() } else { found };
                }
            }
            let key = |row: &Row| (turned(row), row.id().key(self.switches.guid_order));
            key(left).cmp(&key(right))
        });
    }

    fn asking(&self) -> Asking<'a> {
        Asking {
            world: self.world,
            switches: self.switches,
            now: self.now,
        }
    }

    /// The record, if there is one and the reader has the right to it.
    pub(super) fn row(&self, entity: &Entity, id: Guid) -> Result<&'a Row, Fault> {
        let rights = &self.world.rights;
        let may =
            rights.has(entity.name, Right::Read) && rights.has_record(entity.name, id, Right::Read);
        let table = self.world.table(entity.name);
        let row = table.and_then(|table| table.read(id, self.now));
        match (row, self.switches.no_right) {
            (Some(_), NoRight::Forbidden) if !may => Err(Fault::forbidden()),
            (Some(_), NoRight::Empty) if !may => Err(Fault::missing(404)),
            (Some(row), _) => Ok(row),
            (None, _) => Err(missing(self.world, entity, id, self.switches)),
        }
    }

    pub(super) fn record(&self, entity: &Entity, id: Guid, query: &str) -> Result<Answer, Fault> {
        let options = Options::read(query)?;
        let shape = Shape::read(self.schema, entity, &options)?;
        let row = self.row(entity, id)?;
        Ok(self.one(entity, row, &shape))
    }

    pub(super) fn one(&self, entity: &Entity, row: &Row, shape: &Shape) -> Answer {
        let mut body = format!(
            "{{\"@odata.context\":\"{}/$metadata#{}{}/$entity\",",
            self.root,
            entity.name,
            shape.context(entity, self.schema)
        );
        self.write_fields(entity, row, shape, &mut body);
        body.push('}');
        let answer = reply(body);
        if self.switches.etags {
            return answer.with("etag", etag(row));
        }
        answer
    }

    /// A field, its bare value, or the record behind a lookup.
    pub(super) fn part(
        &self,
        entity: &Entity,
        id: Guid,
        names: &[String],
    ) -> Result<Answer, Fault> {
        let row = self.row(entity, id)?;
        let (first, rest) = names.split_first().ok_or(Fault::missing(404))?;
        if let (Some(column), []) = (entity.navigation(first), rest) {
            let target = entity.columns[column].target;
            let target = target.and_then(|name| self.schema.get(name));
            let target = target.ok_or(Fault::missing(404))?;
            return match row.get(column).as_guid() {
                Some(id) => self.record(target, id, ""),
                None => Ok(Answer::empty(204)),
            };
        }
        let column = entity.column(first).ok_or(Fault::missing(404))?;
        let (kind, cell) = (entity.columns[column].kind, row.get(column));
        match rest {
            [] => {
                let mut value = String::new();
                cell.write(kind, self.zeroes(), self.quotes_decimals, &mut value);
                if value == "null" {
                    return Ok(Answer::empty(204));
                }
                let root = self.root;
                let context = format!("{root}/$metadata#{}({id})/{first}", entity.name);
                Ok(reply(format!(
                    "{{\"@odata.context\":\"{context}\",\"value\":{value}}}"
                )))
            }
            [value] if value == "$value" => Ok(match cell.plain() {
                Some(text) => Answer::new(200, TEXT, text),
                None => Answer::empty(204),
            }),
            _ => Err(Fault::missing(404)),
        }
    }

    fn zeroes(&self) -> bool {
        self.switches.empties == Empties::Zeroes
    }

    fn write(&self, entity: &Entity, row: &Row, shape: &Shape, out: &mut String) {
        out.push('{');
        self.write_fields(entity, row, shape, out);
        out.push('}');
    }

    fn write_fields(&self, entity: &Entity, row: &Row, shape: &Shape, out: &mut String) {
        if self.switches.etags {
            out.push_str(&format!(
                "\"@odata.etag\":{},",
                serde_json::json!(etag(row))
            ));
        }
        for at in &shape.columns {
            let column = &entity.columns[*at];
            if column.kind == super::cell::Kind::Stream {
                let (name, id) = (column.name, row.id());
                for link in ["mediaEditLink", "mediaReadLink"] {
                    let at = format!("{}/{}({id})/{name}", self.root, entity.name);
                    out.push_str(&format!("\"{name}@odata.{link}\":\"{at}\","));
                }
                let media = "application/octet-stream";
                out.push_str(&format!("\"{name}@odata.mediaContentType\":\"{media}\","));
                continue;
            }
            out.push('"');
            out.push_str(column.name);
            out.push_str("\":");
            let cell = row.get(*at);
            cell.write(column.kind, self.zeroes(), self.quotes_decimals, out);
            out.push(',');
        }
        for expand in &shape.expands {
            out.push_str(&format!("\"{}\":", expand.name));
            let target = self.schema.get(expand.target);
            let id = row.get(expand.column).as_guid();
            // What may not be read is as if it were not there.
            let looked_up = target
                .zip(id)
                .map(|(target, id)| (target, self.row(target, id)));
            match looked_up {
                Some((target, Ok(row))) => self.write(target, row, &expand.shape, out),
                _ => out.push_str("null"),
            }
            out.push(',');
        }
        if out.ends_with(',') {
            out.pop();
        }
    }
}

/// It changes with the instant of the last change.
pub(super) fn etag(row: &Row) -> String {
    let modified = row.get(MODIFIED_ON).as_time().unwrap_or_default();
    format!("W/\"{modified:x}\"")
}

fn reply(body: String) -> Answer {
    Answer::new(200, JSON, body).with("odata-version", "4.0")
}
