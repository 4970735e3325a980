//! The tables of the golf shop, generated, and how they change.

use std::fmt::Write;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cell::{Cell, timestamp};
use super::config::Config;
use super::reply::Fault;
use super::schema::tables;
use super::table::{Table, uuid};
use crate::entropy::Entropy;
use crate::wire::Clock;

/// What `backoffice.get_packages_by_hash_id` chooses from; no table of the API.
pub(super) const PACKAGE_ROWS: &str = "package_rows";
/// What `get_available_packages` gives; no table of the API.
pub(super) const AVAILABLE_ROWS: &str = "available_rows";

/// A change of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "change",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Change {
    /// Adds a row to any table; the rows of packages are `package_rows`.
    AddRow {
        table: String,
        row: Value,
    },
    /// Sets columns of the row with this id.
    ChangeRow {
        table: String,
        id: String,
        set: Map<String, Value>,
    },
    DeleteRow {
        table: String,
        id: String,
    },
    /// The loader of the CRM has deleted all rows and not yet put them back.
    EmptyTable {
        table: String,
    },
}

#[derive(Debug)]
pub(super) struct World {
    tables: Vec<Table>,
}

const NAMES: [&str; 8] = [
    "Somchai Jaidee",
    "Ada Fairway",
    "  Bogey Bee ",
    "Pim  Putter",
    "Niran Birdie",
    "Zoë Wedge",
    "Ada Fairway",
    "Kit O'Green",
];
const HOURS: [&str; 6] = ["10", "7.5", "0", "0.25", "12.345", "100.00"];

impl World {
    pub(super) fn generate(config: &Config) -> Self {
        let mut world = Self {
            tables: tables(config.switches.integer_ids),
        };
        let mut entropy = Entropy::seeded(config.seed);
        for nth in 1..=u64::from(config.customers) {
            let customer = customer(&mut entropy, nth, config);
            for package in 0..entropy.below(4) {
                let rows = packages(&mut entropy, &customer, nth * 10 + package, config);
                for (table, row) in [PACKAGE_ROWS, AVAILABLE_ROWS].iter().zip(rows) {
                    world.put(table, &row);
                }
            }
            world.put("customers", &customer);
        }
        world
    }

    fn put(&mut self, table: &str, row: &Value) {
        let added = self.apply(
            Change::AddRow {
                table: table.to_owned(),
                row: row.clone(),
            },
            Clock::EPOCH_S,
        );
        added.expect("generated rows fit their tables");
    }

    pub(super) fn table(&self, name: &str) -> Result<&Table, Fault> {
        let found = self.tables.iter().find(|table| table.name == name);
        found.ok_or_else(|| unknown(name))
    }

    pub(super) fn table_mut(&mut self, name: &str) -> Result<&mut Table, Fault> {
        let found = self.tables.iter_mut().find(|table| table.name == name);
        let table = found.ok_or_else(|| unknown(name))?;
        table.index.forget();
        Ok(table)
    }

    pub(super) fn rows(&self, name: &str) -> Vec<Value> {
        let table = self.table(name).ok();
        let rows = table.into_iter().flat_map(|table| {
            let json = |row| serde_json::from_str(&table.json_of(row)).unwrap_or_default();
            table.rows.iter().map(json)
        });
        rows.collect()
    }

    pub(super) fn truth(&self) -> Value {
        let rows = |table: &Table| (table.name.to_owned(), Value::from(self.rows(table.name)));
        Value::from(self.tables.iter().map(rows).collect::<Map<_, _>>())
    }

    pub(super) fn apply(&mut self, change: Change, now_s: i64) -> Result<String, String> {
        let wrong = |fault: Fault| format!("{fault:?}");
        match change {
            Change::AddRow { table, row } => {
                let table = self.table_mut(&table).map_err(wrong)?;
                let row = table.insert_json(&row, now_s).map_err(wrong)?;
                Ok(row[0].to_text().unwrap_or_default())
            }
            Change::ChangeRow { table, id, set } => {
                let table = self.table_mut(&table).map_err(wrong)?;
                let at = place(table, &id)?;
                for (name, value) in set {
                    let column = table.column(&name).map_err(wrong)?;
                    let kind = table.columns[column].kind;
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    table.rows[at][column] = if value.is_null() {
                        Cell::Null
                    } else {
                        Cell::parse(kind, &text).map_err(wrong)?
                    };
                }
                Ok(id)
            }
            Change::DeleteRow { table, id } => {
                let table = self.table_mut(&table).map_err(wrong)?;
                let at = place(table, &id)?;
                table.rows.remove(at);
                Ok(id)
            }
            Change::EmptyTable { table } => {
                self.table_mut(&table).map_err(wrong)?.rows.clear();
                Ok(String::new())
            }
        }
    }
}

fn place(table: &Table, id: &str) -> Result<usize, String> {
    let mut rows = table.rows.iter();
    let found = rows.position(|row| row[0].to_text().as_deref() == Some(id));
    found.ok_or_else(|| format!("there is no row {id} in {}", table.name))
}

fn unknown(name: &str) -> Fault {
    let message = format!("Could not find the table 'public.{name}' in the schema cache");
    Fault::new("PGRST205", message)
}

fn customer(entropy: &mut Entropy, nth: u64, config: &Config) -> Value {
    let name = match nth % 5 {
        0 => (*entropy.pick(&NAMES)).to_owned(),
        _ => format!("Customer {nth:05}"),
    };
    let digits = format!("08{:08}", entropy.below(100_000_000));
    let phone = match nth % 7 {
        0 => String::new(),
        1 => format!("+66 {}", &digits[1..]),
        2 => format!("{}-{}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        _ => digits,
    };
    let id = if config.switches.integer_ids {
        json!(nth)
    } else {
        // Spread, so that the order of ids is not the order of making.
        json!(uuid(nth.wrapping_mul(0x9e37_79b9) % 0xffff_ffff_ffff))
    };
    let updated = Clock::instant(Clock::EPOCH_S - 86_400 + i64::try_from(nth).unwrap_or(0));
    json!({
        "id": id,
        "stable_hash_id": stable_hash(&name, &phone),
        "customer_name": name,
        "contact_number": phone,
        "email": (!nth.is_multiple_of(3)).then(|| format!("Guest{nth}@Example.test")),
        "store": "Shop A",
        "update_time": timestamp(updated),
    })
}

/// A row of each of the two functions.
fn packages(entropy: &mut Entropy, customer: &Value, nth: u64, config: &Config) -> [Value; 2] {
    let (name, hash) = (&customer["customer_name"], &customer["stable_hash_id"]);
    let [total, used] = [*entropy.pick(&HOURS), *entropy.pick(&HOURS)];
    let unlimited = nth.is_multiple_of(6);
    let day = 1 + nth % 28;
    let purchased = if config.switches.purchases_are_dates {
        format!("2025-11-{day:02}")
    } else {
        format!("2025-11-{day:02}T20:15:00+00:00")
    };
    let number = |text: &str| {
        if unlimited {
            Value::Null
        } else {
            // The text is kept: the column parses it into digits.
            json!(text)
        }
    };
    let expires = format!("2026-{:02}-{day:02}", 1 + nth % 12);
    let first_use = if nth.is_multiple_of(4) {
        Value::Null
    } else {
        json!(format!("2025-12-{day:02}"))
    };
    let by_hash = json!({
        "id": nth,
        "crm_package_id": if config.switches.crm_package_ids { json!(format!("PK-{nth}")) } else { Value::Null },
        "customer_name": name,
        "package_name_from_def": "Bay 10H",
        "package_display_name_from_def": "Bay, ten hours",
        "package_type_from_def": entropy.pick(&["Monthly", "Unlimited", "Coaching"]),
        "package_total_hours_from_def": number(total),
        "package_pax_from_def": 1 + nth % 4,
        "package_validity_period_from_def": "6 months",
        "first_use_date": first_use,
        "expiration_date": expires,
        "calculated_remaining_hours": number(total),
        "calculated_used_hours": number(used),
        "stable_hash_id": hash,
        "created_at_for_purchase_date": purchased,
    });
    let available = json!({
        "id": nth,
        "customer_name": name,
        "package_type_name": by_hash["package_type_from_def"],
        "first_use_date": by_hash["first_use_date"],
        "expiration_date": by_hash["expiration_date"],
        "remaining_hours": by_hash["calculated_remaining_hours"],
    });
    [by_hash, available]
}

/// As the CRM makes it (sheet section 5): name without case and outer blanks, digits of the number.
pub(super) fn stable_hash(name: &str, phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let hash = Md5::digest(format!(
        "{}::{digits}",
        name.trim_matches(' ').to_lowercase()
    ));
    let mut text = String::new();
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
