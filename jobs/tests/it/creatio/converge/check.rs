//! Check: how each story ended beside what the invariants say of its end (I1 to I4).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use sim::creatio::Guid;
use uuid::Uuid;

use super::super::support::House;
use super::story::{FIELDS, Places, Side, Story};

/// Each lead is there once, and no story ended badly.
pub(crate) async fn check(house: &House, stories: &[Story]) {
    let places = Places::of(house).await;
    let (history, unsettled) = (history(house).await, unsettled(house).await);
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    for record in house.vendor.records("Lead") {
        let email = record["Email"].as_str().unwrap_or_default().to_owned();
        *copies.entry(email).or_default() += 1;
    }
    copies.retain(|_, count| *count > 1);
    assert!(copies.is_empty(), "more than one lead of {copies:?} (I3)");
    let mut bad = Vec::new();
    let writes = writes(house);
    for story in stories {
        bad.extend(wrong_with(story, &places, (&history, &writes), &unsettled));
    }
    if !bad.is_empty() {
        panic!("{}\n{}", bad.join("\n"), house.story().await);
    }
}

/// What the invariants say against how a story ended.
fn wrong_with(
    story: &Story,
    places: &Places,
    (history, writes): (&BTreeMap<Uuid, String>, &Writes),
    unsettled: &BTreeSet<(Uuid, String)>,
) -> Vec<String> {
    let email = story.email();
    let (ours, theirs) = (places.ours.get(&email), places.theirs.get(&email));
    let shown = |what: String| {
        format!(
            "{what}: {}\n  ours {ours:?}\n  theirs {theirs:?}",
            story.shown()
        )
    };
    if !story.deleted.is_empty() {
        let is_settled = ours.is_none_or(|(id, _)| unsettled.contains(&(*id, "*".to_owned())));
        let stays = ours.is_some() && theirs.is_some();
        // Deleted there and edited here is somebody's to say; deleted there alone is deleted here.
        return match story.deleted.contains(&Side::Theirs) && !is_settled && !stays {
            true => vec![shown("the delete got lost (I4)".to_owned())],
            false => Vec::new(),
        };
    }
    let (Some((id, ours)), Some((remote_id, theirs))) = (ours, theirs) else {
        return vec![shown(
            "it is gone, and nobody deleted it (I3, I4)".to_owned(),
        )];
    };
    let mut bad = Vec::new();
    let noted = history.get(id).map_or("", String::as_str);
    for (here, there) in FIELDS {
        let values = [&ours[here], &theirs[there]];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if text(values[0]) != text(values[1]) && !unsettled.contains(&(*id, here.to_owned())) {
            bad.push(shown(format!("{here} differs (I1)")));
        }
        for side in [Side::Ours, Side::Theirs] {
            let Some(word) = story.words.get(&(side, here)) else {
                continue;
            };
            let is_there = values.iter().any(|value| text(value) == *word);
            let is_raced = side == Side::Theirs
                && story
                    .saved
                    .get(here)
                    .is_some_and(|save| writes.raced(*remote_id, there, *save));
            if !is_there && !noted.contains(word.as_str()) && !is_raced {
                bad.push(shown(format!("{word} of {side:?} is lost (I2)")));
            }
        }
    }
    bad
}

/// Of each of the vendor's leads: our writes, as numbers of saves with their columns, and how many saves each of our
/// looks came after.
struct Writes {
    of: HashMap<Guid, Vec<(usize, Vec<&'static str>)>>,
    looks: HashMap<Guid, Vec<usize>>,
}

fn writes(house: &House) -> Writes {
    let (mut of, mut looks) = (HashMap::new(), HashMap::new());
    for (nth, save) in house.vendor.saves().into_iter().enumerate() {
        if save.through_api && save.entity == "Lead" {
            let writes = of.entry(save.id).or_insert_with(Vec::new);
            writes.push((nth, save.columns));
        }
    }
    for look in house.vendor.looks() {
        let saves = looks.entry(look.id).or_insert_with(Vec::new);
        saves.push(look.saves);
    }
    Writes { of, looks }
}

impl Writes {
    /// Whether we wrote a column after a save of theirs without having looked since. The vendor has no way to write only what is
    /// still as it was seen: what people save between our look and our write is written over unseen.
    fn raced(&self, id: Guid, column: &str, saved: usize) -> bool {
        let mut writes = self.of.get(&id).into_iter().flatten();
        let next = writes.find(|(nth, columns)| *nth > saved && columns.contains(&column));
        let mut looks = self.looks.get(&id).into_iter().flatten();
        next.is_some_and(|(nth, _)| !looks.any(|seen| (saved + 1..=*nth).contains(seen)))
    }
}

/// All that was ever noted of the leads: conflicts, the journal, and what operations wrote. What one of them only found
/// and wrote over is not noted by that.
async fn history(house: &House) -> BTreeMap<Uuid, String> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select local_id, string_agg(t, ' ') from ( \
             select local_id, (c.value -> 1)::text as t from sync.operation o, jsonb_each(o.changes) c \
             union all select l.local_id, to_jsonb(c)::text from sync.conflict c join sync.link l on l.id = c.link_id \
             union all select l.local_id, to_jsonb(j)::text from sync.journal j join sync.link l on l.id = j.link_id \
         ) x where local_id is not null group by 1",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    rows.into_iter().collect()
}

/// Fields that somebody must still settle: of a lead, by our name; `*` is the whole record.
pub(crate) async fn unsettled(house: &House) -> BTreeSet<(Uuid, String)> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select l.local_id, c.field from sync.conflict c join sync.link l on l.id = c.link_id \
         where c.status in ('open', 'proposed', 'resolved') and l.local_id is not null",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    rows.into_iter().collect()
}
