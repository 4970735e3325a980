//! The world at the start: lookups, users, and as many records as are asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Rights, Users, World};
use crate::creatio::cell::Cell;
use crate::creatio::config::Config;
use crate::creatio::guid::Guid;
use crate::creatio::save::exact;
use crate::creatio::schema::{CREATED_BY, CREATED_ON, LOOKUPS, MODIFIED_BY, MODIFIED_ON, Schema};
use crate::creatio::table::{Row, Table};
use crate::entropy::Entropy;
use crate::wire::Clock;

/// Guids that public code knows (sheet section 3).
const CALL: &str = "e1c59272-5001-4d72-8f62-a4dc6e91f345";
const KNOWN_STATUS: &str = "384d4ef6-55d6-df11-971b-001d60e938c6";

const NAMES: [(&str, &[&str]); 12] = [
    (
        "QualifyStatus",
        &[
            "New",
            "Qualification",
            "Handoff to sales",
            "Awaiting sale",
            "Satisfied",
            "Not interested",
        ],
    ),
    (
        "LeadStatus",
        &["New", "Contacted", "Qualified", "Disqualified"],
    ),
    ("LeadSource", &["Web", "Event", "Partner", "Cold call"]),
    ("ActivityType", &["Task", "Call", "Email", "Visit"]),
    ("ActivityCategory", &["To do", "Meeting", "Call", "Email"]),
    (
        "ActivityStatus",
        &["Not started", "In progress", "Completed", "Canceled"],
    ),
    ("ActivityPriority", &["Low", "Medium", "High"]),
    ("ActivityResult", &["Completed", "Canceled by client"]),
    ("ActivityParticipantRole", &["Participant", "Responsible"]),
    (
        "ParticipantResponse",
        &["Confirmed", "Declined", "In doubt"],
    ),
    ("ContactType", &["Customer", "Contact person", "Employee"]),
    ("ContactDecisionRole", &["Decision maker", "Influencer"]),
];

const PEOPLE: [&str; 8] = [
    "Anna Nováková",
    "Miles O'Brien",
    "李小龍",
    "Zoë Ångström",
    "Priya Raman",
    "José da Silva",
    "Fatima al-Fihri",
    "Kit Green",
];

const COMPANIES: [&str; 5] = [
    "ACME",
    "Blue & Sons",
    "Гамма",
    "Northwind \"NW\"",
    "O'Leary Ltd",
];

const BUDGETS: [&str; 6] = [
    "0.00",
    "1500.50",
    "12345678901234567.89",
    "0.01",
    "99999.99",
    "-12.5",
];

const PHONES: [&str; 5] = [
    "+380 44 123-45-67",
    "+1 (555) 010-0199",
    "+66812345678",
    "",
    "020 7946 0018",
];

/// Records of one entity that others look up.
type Ids = BTreeMap<&'static str, Vec<Guid>>;

struct Maker<'a> {
    world: World,
    entropy: Entropy,
    config: &'a Config,
    ids: Ids,
}

impl World {
    pub(crate) fn generate(config: &Config) -> Self {
        let schema = Arc::new(Schema::new());
        let order = config.switches.guid_order;
        let tables = schema.all().map(|entity| (entity.name, Table::new(order)));
        let mut entropy = Entropy::seeded(config.seed);
        let mut drawn = || Guid::drawn(entropy.draw(), entropy.draw());
        let users = Users {
            supervisor: drawn(),
            technical: drawn(),
            person: drawn(),
        };
        let world = Self {
            tables: tables.collect(),
            schema,
            users,
            rights: Rights::default(),
            saves: Vec::new(),
            entropy: Entropy::seeded(config.seed ^ 0x5eed),
            journal: None,
        };
        let mut maker = Maker {
            world,
            entropy,
            config,
            ids: Ids::new(),
        };
        maker.lookups();
        maker.people();
        maker.leads();
        maker.activities();
        maker.world
    }
}

impl Maker<'_> {
    fn lookups(&mut self) {
        for entity in LOOKUPS.into_iter().chain(["QualifyStatus"]) {
            let named = NAMES.iter().find(|(name, _)| *name == entity);
            let plain = [format!("{entity} one"), format!("{entity} two")];
            let names: Vec<&str> = match named {
                Some((_, names)) => names.to_vec(),
                None => plain.iter().map(String::as_str).collect(),
            };
            for (nth, name) in names.into_iter().enumerate() {
                let id = self.lookup_id(entity, name);
                let mut record = self.record(entity, id, 0);
                record.set("Name", Cell::text(name));
                if entity == "QualifyStatus" {
                    record.set("StageNumber", Cell::Int(nth as i64));
                    record.set("IsFinal", Cell::Bool(nth >= 4));
                    record.set("IsDisplayed", Cell::Bool(true));
                    record.set("Successful", Cell::Bool(nth == 4));
                }
                record.put(self);
            }
        }
    }

    /// Those that public code knows, and else a new one: no client may count on them.
    fn lookup_id(&mut self, entity: &str, name: &str) -> Guid {
        let completed = self.config.switches.known_status_is_completed;
        let known = match (entity, name) {
            ("ActivityType", "Call") => Guid::parse(CALL),
            ("ActivityStatus", "Completed") if completed => Guid::parse(KNOWN_STATUS),
            ("ActivityStatus", "In progress") if !completed => Guid::parse(KNOWN_STATUS),
            _ => None,
        };
        known.unwrap_or_else(|| self.drawn())
    }

    fn people(&mut self) {
        let users = self.world.users;
        for (id, name) in [
            (users.supervisor, "Supervisor"),
            (users.technical, "Integration user"),
            (users.person, "Olena Koval"),
        ] {
            let mut record = self.record("Contact", id, 0);
            record.set("Name", Cell::text(name));
            record.put(self);
        }
        for nth in 0..i64::from(self.config.accounts) {
            let mut record = self.new_record("Account", nth);
            let name = format!("{} {nth}", self.entropy.pick(&COMPANIES));
            record.set("Name", Cell::text(name));
            record.set("OwnerId", Cell::Guid(users.person));
            record.put(self);
        }
        for nth in 0..i64::from(self.config.contacts) {
            let mut record = self.new_record("Contact", nth);
            let name = *self.entropy.pick(&PEOPLE);
            let (given, surname) = name.split_once(' ').unwrap_or((name, ""));
            record.set("Name", Cell::text(name));
            record.set("GivenName", Cell::text(given));
            record.set("Surname", filled(surname));
            record.set("Email", self.email(nth));
            record.set("MobilePhone", self.phone());
            record.set("TypeId", self.one_of("ContactType"));
            record.set("AccountId", self.perhaps_one_of("Account"));
            record.put(self);
        }
    }

    fn leads(&mut self) {
        for nth in 0..i64::from(self.config.leads) {
            let mut record = self.new_record("Lead", nth);
            let person = *self.entropy.pick(&PEOPLE);
            let company = *self.entropy.pick(&COMPANIES);
            record.set(
                "LeadName",
                Cell::text(format!("{person} / {company} {nth}")),
            );
            record.set("Contact", Cell::text(person));
            record.set("Account", Cell::text(company));
            record.set("Email", self.email(nth));
            record.set("MobilePhone", self.phone());
            record.set(
                "Budget",
                Cell::Decimal((*self.entropy.pick(&BUDGETS)).into()),
            );
            record.set("PredictiveScore", Cell::Int(nth % 101));
            record.set("QualifyStatusId", self.one_of("QualifyStatus"));
            record.set("StatusId", self.one_of("LeadStatus"));
            record.set("LeadSourceId", self.perhaps_one_of("LeadSource"));
            record.set("QualifiedContactId", self.perhaps_one_of("Contact"));
            record.set("OwnerId", Cell::Guid(self.world.users.person));
            if nth % 4 == 1 {
                let day = Clock::EPOCH_S + nth % 90 * 86_400;
                record.set("DecisionDate", Cell::Time(day * 1_000_000));
            }
            record.put(self);
        }
    }

    fn activities(&mut self) {
        for nth in 0..i64::from(self.config.activities) {
            let mut record = self.new_record("Activity", nth);
            let begins = (Clock::EPOCH_S + nth % 60 * 86_400) * 1_000_000;
            record.set("Title", Cell::text(format!("Meeting {nth}")));
            record.set("StartDate", Cell::Time(begins));
            record.set("DueDate", Cell::Time(begins + 1_800_000_000));
            record.set("DurationInMinutes", Cell::Int(30));
            record.set("TypeId", self.one_of("ActivityType"));
            record.set("ActivityCategoryId", self.one_of("ActivityCategory"));
            record.set("StatusId", self.one_of("ActivityStatus"));
            record.set("PriorityId", self.one_of("ActivityPriority"));
            record.set("OwnerId", Cell::Guid(self.world.users.person));
            record.set("ContactId", self.perhaps_one_of("Contact"));
            record.set("LeadId", self.perhaps_one_of("Lead"));
            let activity = record.row.id();
            record.put(self);
            let mut participant = self.new_record("ActivityParticipant", nth);
            participant.set("ActivityId", Cell::Guid(activity));
            participant.set("ParticipantId", Cell::Guid(self.world.users.person));
            participant.set("RoleId", self.one_of("ActivityParticipantRole"));
            participant.put(self);
        }
    }

    fn email(&mut self, nth: i64) -> Cell {
        match nth % 5 {
            0 => Cell::Null,
            1 => Cell::text(format!("Person.{nth}@Example.test")),
            _ => Cell::text(format!("person{nth}@example.test")),
        }
    }

    fn phone(&mut self) -> Cell {
        let phone = *self.entropy.pick(&PHONES);
        filled(phone)
    }

    fn one_of(&mut self, entity: &str) -> Cell {
        match self.ids.get(entity) {
            Some(ids) => Cell::Guid(*self.entropy.pick(ids)),
            None => Cell::Null,
        }
    }

    fn perhaps_one_of(&mut self, entity: &str) -> Cell {
        if self.entropy.chance(0.4) {
            return Cell::Null;
        }
        self.one_of(entity)
    }

    fn drawn(&mut self) -> Guid {
        Guid::drawn(self.entropy.draw(), self.entropy.draw())
    }

    fn new_record(&mut self, entity: &'static str, nth: i64) -> Record {
        let id = self.drawn();
        self.record(entity, id, nth)
    }

    /// A record that was made some time before the world begins. Imports make three in one instant,
    /// so times have ties.
    fn record(&mut self, entity: &'static str, id: Guid, nth: i64) -> Record {
        let schema = self.world.schema();
        let precision = self.config.switches.time_precision;
        let made_s = Clock::EPOCH_S - 40 * 86_400 + nth / 3 * 20;
        let made = exact(made_s * 1_000_000 + nth / 3 * 7_919 % 1_000_000, precision);
        let by = Cell::Guid(self.world.users.supervisor);
        let mut row = Row::new(id);
        row.set(CREATED_ON, Cell::Time(made));
        row.set(CREATED_BY, by.clone());
        row.set(MODIFIED_ON, Cell::Time(made));
        row.set(MODIFIED_BY, by);
        Record {
            entity,
            row,
            schema,
        }
    }
}

fn filled(text: &str) -> Cell {
    if text.is_empty() {
        Cell::Null
    } else {
        Cell::text(text)
    }
}

struct Record {
    entity: &'static str,
    row: Row,
    schema: Arc<Schema>,
}

impl Record {
    fn set(&mut self, column: &str, cell: Cell) {
        let entity = self.schema.get(self.entity);
        let at = entity.and_then(|entity| entity.column(column));
        self.row
            .set(at.expect("the schema has what the world is made of"), cell);
    }

    fn put(self, maker: &mut Maker) {
        let ids = maker.ids.entry(self.entity).or_default();
        ids.push(self.row.id());
        maker.world.put(self.entity, self.row, None);
    }
}
