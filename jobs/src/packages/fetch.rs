//! Fetch: what the CRM says of one profile. No transaction is open meanwhile.

use connectors::Verdict;
use connectors::supabase::{Client, Customer, CustomerBy, Found, Package, stable_hash};
use engine::Cx;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Link, Profile};
use crate::connection::tell;
use crate::plan::matching::{self, Known, Match, Person, judge};
use crate::{Env, Error, store};

/// Digits that numbers are looked for by: fewer than any number at home has without its country.
const ENDING: usize = 8;

/// What the CRM said.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The packages of the customer that the profile is.
    Packages {
        connection: String,
        link: Link,
        hash: String,
        found: Found<Package>,
    },
    /// A person must say who it is: why, and the candidates.
    Unsure(&'static str, Value),
    /// Nobody comes into question.
    Nobody,
}

/// Asks for one profile, for a job: the breaker hears how that went.
///
/// # Errors
/// Those of [`fetch`].
pub(super) async fn fetch_for(cx: &Cx<Env>, profile_id: Uuid) -> Result<Fetched, Error> {
    let (profile, link) = stored(cx.env(), profile_id).await?;
    let asked = fetch(cx.env(), &profile, link).await;
    if let Some(verdict) = verdict_of(&asked) {
        tell(cx, &profile.connection, &verdict).await;
    }
    match asked {
        Err(Error::Remote(error)) => {
            let all = &cx.env().connections;
            Err(all.judge(&profile.connection, error).await)
        }
        other => other,
    }
}

/// How the call went, as far as it says something of the connection.
fn verdict_of(asked: &Result<Fetched, Error>) -> Option<Verdict> {
    match asked {
        Ok(_) | Err(Error::Unproven(_)) => Some(Verdict::Ok),
        Err(Error::Remote(error)) => Some(error.verdict()),
        Err(_) => None,
    }
}

/// A profile, and the customer it is as far as that is known.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub(super) async fn stored(env: &Env, profile_id: Uuid) -> Result<(Profile, Option<Link>), Error> {
    store::in_transaction(&env.pool, move |tx| {
        Box::pin(async move {
            let profile = store::profile::get(tx, profile_id).await?;
            let profile = profile.ok_or(Error::UnknownProfile(profile_id))?;
            Ok((profile, store::profile::link_of(tx, profile_id).await?))
        })
    })
    .await
}

/// Asks the CRM: two or three calls if the profile is linked, two or more if not.
///
/// # Errors
/// [`Error::Unproven`] when the CRM hides what it was asked for; [`Error::Remote`].
pub(super) async fn fetch(
    env: &Env,
    profile: &Profile,
    link: Option<Link>,
) -> Result<Fetched, Error> {
    let client = &*env.connections.supabase(&profile.connection).await?;
    let Some(link) = link else {
        let found = search(client, profile, None).await?;
        return decide(env, client, profile, found, None).await;
    };
    // The hash that was good last time finds, in one call, whom it means now, and whether it is only one.
    if let Some(hash) = &link.stable_hash {
        let by_hash = customers(client.find_customers(CustomerBy::StableHash(hash)).await?)?;
        match by_hash.as_slice() {
            [one] if one.id == link.customer_id => {
                return packages(client, profile, link.clone(), hash.clone()).await;
            }
            [_, _, ..] if by_hash.iter().any(|one| one.id == link.customer_id) => {
                return Ok(shared(&by_hash));
            }
            _ => {}
        }
    }
    // Renamed, or with another number: the id stays.
    let by_id = customers(
        client
            .find_customers(CustomerBy::Id(&link.customer_id))
            .await?,
    )?;
    if let Some(one) = by_id.first() {
        return follow(client, profile, link, one).await;
    }
    // The CRM was loaded anew, with new ids.
    let found = search(client, profile, link.stable_hash.as_deref()).await?;
    decide(env, client, profile, found, Some(&link)).await
}

/// The customers that the number, the address or an earlier hash find.
async fn search(
    client: &Client,
    profile: &Profile,
    hash: Option<&str>,
) -> Result<Vec<Customer>, Error> {
    let mut found: Vec<Customer> = Vec::new();
    let number = matching::phone(profile.phone.as_deref()).map(|(number, _)| number);
    let ending = number.as_deref().map(|number| {
        let from = number.len().saturating_sub(ENDING);
        &number[from..]
    });
    let email = matching::email(profile.email.as_deref());
    let questions = [
        hash.map(CustomerBy::StableHash),
        ending
            .filter(|ending| ending.len() >= 7)
            .map(CustomerBy::PhoneEnding),
        email.as_deref().map(CustomerBy::Email),
        // A name alone is never enough, and whoever has neither number nor address has nothing else.
        profile
            .name
            .as_deref()
            .filter(|_| number.is_none() && email.is_none())
            .map(CustomerBy::Name),
    ];
    for question in questions.into_iter().flatten() {
        for one in customers(client.find_customers(question).await?)? {
            if !found.iter().any(|other| other.id == one.id) {
                found.push(one);
            }
        }
    }
    Ok(found)
}

async fn decide(
    env: &Env,
    client: &Client,
    profile: &Profile,
    found: Vec<Customer>,
    was: Option<&Link>,
) -> Result<Fetched, Error> {
    let (profile_id, ids) = (
        profile.id,
        found.iter().map(|one| one.id.clone()).collect::<Vec<_>>(),
    );
    let (taken, refused) = store::in_transaction(&env.pool, move |tx| {
        Box::pin(async move { store::profile::standing(tx, profile_id, &ids).await })
    })
    .await?;
    let known = found.iter().map(|one| Known {
        id: one.id.clone(),
        person: person(one),
        is_taken: taken.contains(&one.id),
        is_refused: refused.contains(&one.id),
    });
    let known: Vec<Known> = known.collect();
    let ours = Person {
        name: profile.name.clone(),
        phone: profile.phone.clone(),
        email: profile.email.clone(),
    };
    match judge(&ours, &known) {
        Match::One(at, percent) => {
            let link = Link {
                customer_id: found[at].id.clone(),
                stable_hash: None,
                method: "automatic".to_owned(),
                confidence: i16::from(percent),
                synced_at: None,
            };
            follow(client, profile, link, &found[at]).await
        }
        Match::Review(reason, fits) => {
            let all = fits.iter().map(|(at, percent)| told(&found[*at], *percent));
            let reason = if was.is_some() { "moved" } else { reason };
            Ok(Fetched::Unsure(reason, all.collect()))
        }
        // Whose packages were somebody's stay so until a person says otherwise.
        Match::Nobody if was.is_some() => Ok(Fetched::Unsure("moved", json!([]))),
        Match::Nobody => Ok(Fetched::Nobody),
    }
}

/// The packages of a customer by the hash that it has now, if no other has the same.
async fn follow(
    client: &Client,
    profile: &Profile,
    link: Link,
    customer: &Customer,
) -> Result<Fetched, Error> {
    let name = customer.name.as_deref().unwrap_or_default();
    let phone = customer.phone.as_deref().unwrap_or_default();
    let hash = match &customer.stable_hash {
        Some(hash) => hash.clone(),
        None => stable_hash(name, phone),
    };
    let same = customers(client.find_customers(CustomerBy::StableHash(&hash)).await?)?;
    if same.iter().any(|one| one.id != customer.id) {
        return Ok(shared(&same));
    }
    packages(client, profile, link, hash).await
}

async fn packages(
    client: &Client,
    profile: &Profile,
    link: Link,
    hash: String,
) -> Result<Fetched, Error> {
    let found = client.packages_of(&hash).await?;
    // Half a list would be shown as all there is, until the next night. With a row without an id no list is whole: that
    // one is told of, and the others are not kept from whom they belong to.
    if !found.is_whole && found.items.iter().all(|item| item.id.is_some()) {
        return Err(Error::Unproven("the packages of a customer"));
    }
    Ok(Fetched::Packages {
        connection: profile.connection.clone(),
        link,
        hash,
        found,
    })
}

/// Two customers of one name without a number share a hash: whose the packages are cannot be told.
fn shared(all: &[Customer]) -> Fetched {
    Fetched::Unsure("shared", all.iter().map(|one| told(one, 0)).collect())
}

/// A row that cannot be read, or an empty list that is not proven, is no answer to who somebody is.
fn customers(found: Found<Customer>) -> Result<Vec<Customer>, Error> {
    if !found.is_whole {
        return Err(Error::Unproven("the customers of the CRM"));
    }
    let all = found.items.into_iter().map(|item| item.decoded);
    all.collect::<Result<_, _>>()
        .map_err(|_| Error::Unproven("a customer of the CRM"))
}

fn person(one: &Customer) -> Person {
    Person {
        name: one.name.clone(),
        phone: one.phone.clone(),
        email: one.email.clone(),
    }
}

/// For the person who decides.
fn told(one: &Customer, percent: u8) -> Value {
    json!({
        "customer_id": one.id,
        "name": one.name,
        "phone": one.phone,
        "email": one.email,
        "percent": percent,
    })
}
