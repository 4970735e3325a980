//! Story: a lead, and what people do to it on both sides.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use sim::creatio::Guid;
use uuid::Uuid;

use super::super::support::House;

/// What people write in: ours and Creatio's name for it.
pub(crate) const FIELDS: [(&str, &str); 4] = [
    ("company", "Account"),
    ("contact_name", "Contact"),
    ("website", "Website"),
    ("commentary", "Commentary"),
];
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// A lead, and what people have done to it.
pub(crate) struct Story {
    pub(crate) seed: u64,
    chance: StdRng,
    told: Vec<String>,
    /// The last words of each side, by field.
    pub(crate) words: BTreeMap<(Side, &'static str), String>,
    /// Which save the last word of theirs on a field was, by number.
    pub(crate) saved: BTreeMap<&'static str, usize>,
    pub(crate) deleted: BTreeSet<Side>,
}

/// Where each story's lead is now, by its address.
pub(crate) struct Places {
    pub(crate) ours: BTreeMap<String, (Uuid, Value)>,
    pub(crate) theirs: BTreeMap<String, (Guid, Value)>,
}

impl Story {
    pub(crate) fn of(seed: u64) -> Story {
        Story {
            seed,
            chance: StdRng::seed_from_u64(seed),
            told: Vec::new(),
            words: BTreeMap::new(),
            saved: BTreeMap::new(),
            deleted: BTreeSet::new(),
        }
    }

    pub(crate) fn email(&self) -> String {
        format!("seed{}@inn.example", self.seed)
    }

    fn word(&mut self) -> String {
        format!("w{:08x}", self.chance.next_u32())
    }

    pub(crate) async fn begin(&mut self, house: &House) {
        let (name, email) = (self.word(), self.email());
        let side = self.side();
        match side {
            Side::Ours => {
                let lead = json!({"contact_name": name, "email": email});
                house.insert("lead", lead).await;
            }
            Side::Theirs => {
                house.add("Lead", json!({"Contact": name, "Email": email}));
            }
        }
        self.tell(side, "contact_name", name);
    }

    fn side(&mut self) -> Side {
        match self.chance.random_bool(0.5) {
            true => Side::Ours,
            false => Side::Theirs,
        }
    }

    fn tell(&mut self, side: Side, field: &'static str, word: String) {
        self.told.push(format!("{side:?} {field} = {word}"));
        self.words.insert((side, field), word);
    }

    /// Something that a person may do.
    pub(crate) async fn go_on(&mut self, house: &House, places: &Places) {
        let side = self.side();
        let (ours, theirs) = FIELDS[self.chance.random_range(0..FIELDS.len())];
        let what = self.chance.random_range(0..20);
        let email = self.email();
        let word = self.word();
        match (side, what) {
            (_, 0..8) => {}
            // Two people at once, each on their side.
            (_, 9) if self.deleted.is_empty() => {
                let other = self.word();
                self.edit_ours(house, places, (ours, word)).await;
                self.edit_theirs(house, places, (ours, theirs), other);
            }
            (Side::Ours, 8) if self.deleted.is_empty() => {
                if let Some((id, _)) = places.ours.get(&email) {
                    house.delete("lead", *id).await;
                    self.delete(side);
                }
            }
            (Side::Theirs, 8) if self.deleted.is_empty() => {
                if let Some((id, _)) = places.theirs.get(&email) {
                    house.remove("Lead", as_uuid(*id));
                    self.delete(side);
                }
            }
            (Side::Ours, _) if !self.deleted.contains(&side) => {
                self.edit_ours(house, places, (ours, word)).await;
            }
            (Side::Theirs, _) if !self.deleted.contains(&side) => {
                self.edit_theirs(house, places, (ours, theirs), word);
            }
            _ => {}
        }
    }

    async fn edit_ours(
        &mut self,
        house: &House,
        places: &Places,
        (field, word): (&'static str, String),
    ) {
        if let Some((id, _)) = places.ours.get(&self.email()) {
            house.edit("lead", *id, json!({ field: word })).await;
            self.tell(Side::Ours, field, word);
        }
    }

    fn edit_theirs(
        &mut self,
        house: &House,
        places: &Places,
        (field, name): (&'static str, &str),
        word: String,
    ) {
        if let Some((id, _)) = places.theirs.get(&self.email()) {
            let before = house.vendor.saves().len();
            house.set("Lead", as_uuid(*id), json!({ name: word }));
            let saves = house.vendor.saves();
            let mut since = saves.iter().enumerate().skip(before);
            let save = since.find(|(_, save)| save.id == *id && !save.through_api);
            self.saved.insert(field, save.unwrap().0);
            self.tell(Side::Theirs, field, word);
        }
    }

    fn delete(&mut self, side: Side) {
        self.told.push(format!("{side:?} deletes it"));
        self.deleted.insert(side);
    }

    /// What was done to it so far, its beginning and its end among that.
    pub(crate) fn edits(&self) -> usize {
        self.told.len()
    }

    pub(crate) fn shown(&self) -> String {
        format!("seed {}:\n  {}", self.seed, self.told.join("\n  "))
    }
}

fn as_uuid(id: Guid) -> Uuid {
    id.to_string().parse().unwrap()
}

impl Places {
    pub(crate) async fn of(house: &House) -> Places {
        let rows = house.rows("lead").await.into_iter();
        let ours = rows.map(|row| {
            let id = row["id"].as_str().unwrap().parse().unwrap();
            (row["email"].as_str().unwrap().to_owned(), (id, row))
        });
        let records = house.vendor.records("Lead").into_iter();
        let theirs = records.map(|record| {
            let id = Guid::parse(record["Id"].as_str().unwrap()).unwrap();
            (record["Email"].as_str().unwrap().to_owned(), (id, record))
        });
        Places {
            ours: ours.collect(),
            theirs: theirs.collect(),
        }
    }
}
