//! The functions that the CRM offers.

use std::collections::HashMap;

use super::reply::Fault;
use super::table::Table;
use super::world::{AVAILABLE_ROWS, PACKAGE_ROWS, World};

/// A call of a function, from a JSON body or a query.
#[derive(Debug)]
pub(super) struct Rpc<'a> {
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    pub(super) args: HashMap<String, Option<String>>,
}

/// The argument of the one function that has any.
pub(super) const HASH: &str = "p_stable_hash_id";

impl Rpc<'_> {
    /// The rows that the function gives, as a table of their own.
    pub(super) fn call(&self, world: &World) -> Result<Table, Fault> {
        let args: Vec<&str> = self.args.keys().map(String::as_str).collect();
        match (self.schema, self.name, args.as_slice()) {
            ("public", "get_available_packages", []) => Ok(world.table(AVAILABLE_ROWS)?.clone()),
            ("backoffice", "get_packages_by_hash_id", [HASH]) => {
                let table = world.table(PACKAGE_ROWS)?;
                let at = table.column("stable_hash_id")?;
                let rows = match &self.args[HASH] {
                    Some(hash) => table.rows_with(at, hash).cloned().collect(),
                    None => Vec::new(),
                };
                Ok(table.of_rows(rows))
            }
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn unknown(&self) -> Fault {
        let mut args: Vec<&str> = self.args.keys().map(String::as_str).collect();
        args.sort_unstable();
        let (with, parameters) = match args.as_slice() {
            [] => (String::new(), "without parameters".to_owned()),
            args => {
                let list = args.join(", ");
                (format!("({list})"), format!("with parameters {list}"))
            }
        };
        let name = format!("{}.{}", self.schema, self.name);
        let message = format!("Could not find the function {name}{with} in the schema cache");
        let details = format!(
            "Searched for the function {name} {parameters}, but no matches were found in the \
             schema cache."
        );
        Fault::new("PGRST202", message).details(details)
    }
}
