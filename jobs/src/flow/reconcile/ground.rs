//! Ground: what every case of a batch stands on: the mapping, Creatio's lookups, and which parents are linked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use connectors::creatio::{Ask, Client, Property};
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::creatio::Sort;
use crate::creatio::mapping::{Codec as Mapped, Mapping, SortMap};
use crate::plan::reconcile::{Codec, Fields, Lookup, Policy, Rule, Side};
use crate::store::creatio::link;
use crate::store::creatio::local::Local;
use crate::store::creatio::observed::Observed;
use crate::{Env, Error};

/// What is the same for all records of one sort.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) env: Env,
    pub(crate) client: Arc<Client>,
    pub(crate) connection: String,
    pub(crate) sort: Sort,
    pub(crate) map: Arc<SortMap>,
    /// Codecs that need nothing of single records.
    codecs: Arc<BTreeMap<String, Codec>>,
}

/// What a record's fields are read and planned by, with the parents of this batch.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    /// Parents that are there on their side and have no counterpart yet, but will.
    pub(crate) unlinked: HashSet<(Sort, Uuid)>,
}

impl Ground {
    /// # Errors
    /// [`Error::Invalid`] when the mapping has no such sort; [`Error::Remote`].
    pub(crate) async fn new(
        env: &Env,
        connection: &str,
        mapping: &Mapping,
        sort: Sort,
    ) -> Result<Ground, Error> {
        let map = mapping.sort(sort).cloned().ok_or_else(|| {
            Error::Invalid(format!(
                "the mapping of {connection} has no {}",
                sort.as_str()
            ))
        })?;
        let client = env.connections.creatio(connection).await?;
        let codecs = match codecs(&client, &map).await {
            Ok(codecs) => codecs,
            Err(error) => return Err(env.connections.judge(connection, error).await),
        };
        Ok(Ground {
            env: env.clone(),
            client,
            connection: connection.to_owned(),
            sort,
            map: Arc::new(map),
            codecs: Arc::new(codecs),
        })
    }

    /// How Creatio is asked for records of the sort.
    pub(crate) fn ask(&self) -> Ask {
        Ask::new(&self.map.remote, self.map.columns())
    }

    /// The rules, with the parents that these records name on either side.
    pub(crate) async fn rules(
        &self,
        conn: &mut PgConnection,
        named: &Named,
    ) -> Result<Rules, Error> {
        let mut parents: HashMap<Sort, Arc<Lookup>> = HashMap::new();
        let mut unlinked = HashSet::new();
        for (parent, ids) in &named.0 {
            let ids: Vec<Uuid> = ids.iter().copied().collect();
            let pairs = link::pairs(conn, &self.connection, *parent, &ids).await?;
            let linked: HashSet<Uuid> = pairs
                .iter()
                .flat_map(|(local, remote)| [*local, *remote])
                .collect();
            let others: Vec<Uuid> = ids.into_iter().filter(|id| !linked.contains(id)).collect();
            for id in link::to_come(conn, &self.connection, *parent, &others).await? {
                unlinked.insert((*parent, id));
            }
            let pairs = pairs
                .into_iter()
                .map(|(local, remote)| (local.to_string(), remote.to_string()));
            parents.insert(*parent, Arc::new(Lookup::of(pairs)));
        }
        let rule = |(name, field): (&String, &crate::creatio::mapping::FieldMap)| {
            let codec = match field.codec {
                Mapped::Reference(parent) => {
                    Codec::Lookup(parents.get(&parent).cloned().unwrap_or_default())
                }
                _ => self.codecs[name].clone(),
            };
            let rule = Rule {
                codec,
                owner: field.owner,
                on_foreign_edit: field.on_foreign_edit,
                resolve: field.resolve.clone(),
                initial: field.initial.clone(),
            };
            (name.clone(), rule)
        };
        Ok(Rules {
            unlinked,
            policy: Policy {
                fields: self.map.fields.iter().map(rule).collect(),
                creates_local: self.map.creates_local,
                creates_remote: self.map.creates_remote,
                on_local_delete: self.map.on_local_delete,
                on_remote_delete: self.map.on_remote_delete,
            },
        })
    }

    /// The mapped fields of a record here, each in its one form.
    ///
    /// # Errors
    /// The fields that have none, and why.
    pub(crate) fn of_local(&self, row: &Local) -> Result<Fields, Map<String, Value>> {
        self.formed(Side::Local, |name, _| row.fields.get(name))
    }

    /// The mapped fields of a record there.
    ///
    /// # Errors
    /// As for [`of_local`](Self::of_local).
    pub(crate) fn of_remote(&self, seen: &Observed) -> Result<Fields, Map<String, Value>> {
        self.formed(Side::Remote, |_, column| seen.fields.get(column))
    }

    /// Whether a look has shown all mapped columns: the mapping may be newer than the look.
    pub(crate) fn is_whole(&self, seen: &Observed) -> bool {
        self.map
            .columns()
            .all(|column| seen.fields.contains_key(column))
    }

    fn formed<'a>(
        &self,
        side: Side,
        value: impl Fn(&str, &str) -> Option<&'a Value>,
    ) -> Result<Fields, Map<String, Value>> {
        let (mut fields, mut faults) = (Fields::new(), Map::new());
        for (name, field) in &self.map.fields {
            let raw = value(name, &field.remote).unwrap_or(&Value::Null);
            let codec = match field.codec {
                Mapped::Reference(_) => &Codec::Lookup(Arc::default()),
                _ => &self.codecs[name],
            };
            match codec.canonical(side, raw) {
                // The ids of records are texts of one form on both sides.
                Ok(Value::String(id)) if matches!(field.codec, Mapped::Reference(_)) => {
                    fields.insert(name.clone(), Value::from(id.to_lowercase()));
                }
                Ok(value) => {
                    fields.insert(name.clone(), value);
                }
                Err(why) => {
                    faults.insert(name.clone(), Value::from(why));
                }
            }
        }
        if faults.is_empty() {
            Ok(fields)
        } else {
            Err(faults)
        }
    }

    /// What a record of Creatio's is found again by.
    pub(crate) fn keys(&self, fields: &Map<String, Value>) -> Vec<String> {
        keys(&self.map, fields)
    }

    /// A record of the connector's as it is kept.
    pub(crate) fn observed(&self, record: connectors::creatio::Record) -> Observed {
        let mut fields = record.fields;
        let columns: BTreeSet<&str> = self.map.columns().collect();
        fields.retain(|name, _| columns.contains(name.as_str()));
        Observed {
            id: record.id,
            keys: self.keys(&fields),
            fields,
            modified_at: record.modified_at,
            modified_by: record.modified_by,
            is_gone: false,
        }
    }
}

/// The match keys of a record of Creatio's, as `sync.match_keys` makes them of one here.
pub(crate) fn keys(map: &SortMap, fields: &Map<String, Value>) -> Vec<String> {
    let mut keys = Vec::new();
    for name in &map.match_by {
        let Some(field) = map.fields.get(name) else {
            continue;
        };
        let (word, codec) = match field.codec {
            Mapped::Email => ("email", Codec::Email),
            _ => ("phone", Codec::Phone),
        };
        let raw = fields.get(&field.remote).unwrap_or(&Value::Null);
        if let Ok(Value::String(key)) = codec.canonical(Side::Remote, raw) {
            keys.push(format!("{word}:{key}"));
        }
    }
    keys
}

/// The ids of parents that records name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named(BTreeMap<Sort, BTreeSet<Uuid>>);

impl Named {
    pub(crate) fn add(&mut self, map: &SortMap, fields: &Fields) {
        for (name, field) in &map.fields {
            if let Mapped::Reference(parent) = field.codec
                && let Some(id) = fields
                    .get(name)
                    .and_then(Value::as_str)
                    .and_then(|id| id.parse().ok())
            {
                self.0.entry(parent).or_default().insert(id);
            }
        }
    }
}

async fn codecs(
    client: &Client,
    map: &SortMap,
) -> Result<BTreeMap<String, Codec>, connectors::Error> {
    let metadata = client.metadata().await?;
    let entity = metadata.entity(&map.remote);
    let mut codecs = BTreeMap::new();
    for (name, field) in &map.fields {
        let property: Option<&Property> = entity.and_then(|entity| entity.property(&field.remote));
        let most = property
            .and_then(|property| property.max_length)
            .map(|most| most as usize);
        let codec = match field.codec {
            Mapped::Text => Codec::Text { most },
            Mapped::Cut => Codec::Cut { most },
            Mapped::Email => Codec::Email,
            Mapped::Phone => Codec::Phone,
            Mapped::Whole => Codec::Whole,
            Mapped::Decimal => Codec::Decimal,
            Mapped::Flag => Codec::Flag,
            Mapped::Instant => Codec::Instant,
            Mapped::Reference(_) => Codec::Lookup(Arc::default()),
            Mapped::Lookup => {
                let set = property.and_then(|property| property.lookup.as_deref());
                let Some(set) = set else {
                    return Err(connectors::Error::SchemaDrift {
                        action: format!("read the lookup of {}.{}", map.remote, field.remote),
                        reason: "the metadata names none any more".to_owned(),
                    });
                };
                let names = client.lookup(set).await?;
                let rows = names
                    .iter()
                    .map(|one| (one.name.clone(), one.id.to_string()));
                Codec::Lookup(Arc::new(Lookup::of(rows)))
            }
        };
        codecs.insert(name.clone(), codec);
    }
    Ok(codecs)
}
