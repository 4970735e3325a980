//! `$batch` (sheet section 2): at most 100 requests, ended by the first that fails unless the outer
//! request says otherwise.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::address::Resource;
use super::multipart;
use super::reply::{Answer, Fault, PLAIN_JSON};
use super::service::{Call, Counter};
use super::state::State;
use super::world::Look;

const MOST: usize = 100;

/// One request of a batch.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: Option<String>,
    /// The atomicity group or changeset that it is of.
    pub(super) group: Option<String>,
    pub(super) call: Call,
}

/// A request of the JSON form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    atomicity_group: Option<String>,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    requests: Vec<Request<'a>>,
}

pub(super) fn answer(state: &State, counter: &Counter, outer: &Call) -> Answer {
    let answered = if outer.media().starts_with("multipart/mixed") {
        multipart::parts(outer, &counter.root).and_then(|parts| {
            let replies = run(state, counter, outer, &parts)?;
            Ok(multipart::answer(&parts, &replies, counter))
        })
    } else {
        bundled(outer, &counter.root).and_then(|parts| {
            let replies = run(state, counter, outer, &parts)?;
            Ok(bundle(&parts, &replies, counter))
        })
    };
    answered.unwrap_or_else(|fault| fault.answer(counter.switches))
}

fn bundled(outer: &Call, root: &str) -> Result<Vec<Part>, Fault> {
    let bundle: Result<Bundle, _> = serde_json::from_slice(&outer.body);
    let bundle = bundle.map_err(|error| Fault::request(format!("batch : {error}\r\n")))?;
    let part = |request: Request| {
        let headers = request.headers.into_iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (path, query) = below(&request.url, root);
        Part {
            id: Some(request.id),
            group: request.atomicity_group,
            call: Call {
                method: request.method.to_ascii_uppercase(),
                path,
                query,
                headers: headers.collect(),
                body: request.body.map_or(Vec::new(), |raw| raw.get().into()),
            },
        }
    };
    Ok(bundle.requests.into_iter().map(part).collect())
}

/// The path and the query of a part's URL, which is below the root, from the host, or whole.
pub(super) fn below(url: &str, root: &str) -> (String, String) {
    let from_host = root.find("://").and_then(|at| {
        let path = root[at + 3..].find('/')?;
        Some(&root[at + 3 + path..])
    });
    let url = url.strip_prefix(root).unwrap_or(url);
    let url = from_host
        .and_then(|path| url.strip_prefix(path))
        .unwrap_or(url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    (path.to_owned(), query.to_owned())
}

/// The replies, as many as there are before the batch ends.
fn run(
    state: &State,
    counter: &Counter,
    outer: &Call,
    parts: &[Part],
) -> Result<Vec<Answer>, Fault> {
    if parts.len() > MOST {
        let message = format!(
            "The batch has {} requests, at most {MOST} are allowed.",
            parts.len()
        );
        return Err(Fault::request(message));
    }
    let prefer = outer.headers.get("prefer").map_or("", String::as_str);
    let goes_on = prefer.split(',').any(|preference| {
        let preference = preference.trim().trim_start_matches("odata.");
        ["continue-on-error", "continue-on-error=true"].contains(&preference)
    });
    let mut replies: Vec<Answer> = Vec::new();
    while replies.len() < parts.len() {
        let rest = &parts[replies.len()..];
        let grouped = counter.switches.atomic_groups && rest[0].group.is_some();
        let together = if grouped {
            let same = |part: &&Part| part.group == rest[0].group;
            rest.iter().take_while(same).count()
        } else {
            1
        };
        let done = if grouped {
            all_or_nothing(state, counter, &rest[..together])
        } else {
            vec![single(state, counter, &rest[0].call)]
        };
        let failed = done.iter().any(|answer| answer.status >= 400);
        replies.extend(done);
        if failed && !goes_on {
            break;
        }
    }
    Ok(replies)
}

/// A request by itself.
pub(super) fn single(state: &State, counter: &Counter, call: &Call) -> Answer {
    if call.is_read() {
        if call.is_listing() {
            state.listing_begins();
        }
        return state.world(|world| {
            let answer = counter.read(world, call);
            if let Some(Resource::Record(_, id)) = Resource::read(&call.path)
                && answer.status == 200
            {
                let saves = world.saves.len();
                state.note(Look { id, saves });
            }
            answer
        });
    }
    state.world_mut(|world| counter.write(world, call))
}

/// Of a group that fails, one part says why and the others that they depended on it.
fn all_or_nothing(state: &State, counter: &Counter, parts: &[Part]) -> Vec<Answer> {
    state.world_mut(|world| {
        world.begin();
        let mut done = Vec::new();
        for part in parts {
            let answer = if part.call.is_read() {
                counter.read(world, &part.call)
            } else {
                counter.write(world, &part.call)
            };
            if answer.status >= 400 {
                world.roll_back();
                let mut replies = vec![Answer::empty(424); parts.len()];
                replies[done.len()] = answer;
                return replies;
            }
            done.push(answer);
        }
        world.commit();
        done
    })
}

fn bundle(parts: &[Part], replies: &[Answer], counter: &Counter) -> Answer {
    let mut responses: Vec<Value> = Vec::new();
    for (part, answer) in parts.iter().zip(replies) {
        let mut headers = json!({});
        if !answer.media.is_empty() {
            headers["content-type"] = json!(answer.media);
        }
        for (name, value) in &answer.headers {
            headers[*name] = json!(value);
        }
        let mut response = json!({"id": part.id, "status": answer.status, "headers": headers});
        if !answer.body.is_empty() {
            let text = || json!(answer.body);
            response["body"] = serde_json::from_str(&answer.body).unwrap_or_else(|_| text());
        }
        responses.push(response);
    }
    if counter.switches.batch_replies_reversed {
        responses.reverse();
    }
    let body = json!({"responses": responses});
    Answer::new(200, PLAIN_JSON, body.to_string()).with("odata-version", "4.0")
}
