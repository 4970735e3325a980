//! The other form of a batch: HTTP requests as the parts of a `multipart/mixed` body, those that
//! write in changesets within it or not.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::http::StatusCode;

use super::batch::{Part, below};
use super::reply::{Answer, Fault};
use super::service::{Call, Counter};

/// The requests of a body, in their order.
pub(super) fn parts(outer: &Call, root: &str) -> Result<Vec<Part>, Fault> {
    let boundary = boundary(outer.media()).ok_or_else(broken)?;
    let body = String::from_utf8_lossy(&outer.body).replace("\r\n", "\n");
    let mut parts = Vec::new();
    for (nth, piece) in pieces(&body, &boundary)?.into_iter().enumerate() {
        let (headers, content) = head(piece);
        let media = headers.get("content-type").map_or("", String::as_str);
        if media.starts_with("multipart/mixed") {
            let inner = self::boundary(media).ok_or_else(broken)?;
            for piece in pieces(content, &inner)? {
                let (headers, content) = head(piece);
                parts.push(part(&headers, content, Some(nth), root)?);
            }
        } else {
            parts.push(part(&headers, content, None, root)?);
        }
    }
    Ok(parts)
}

fn part(
    headers: &BTreeMap<String, String>,
    content: &str,
    changeset: Option<usize>,
    root: &str,
) -> Result<Part, Fault> {
    let (line, rest) = content.split_once('\n').unwrap_or((content, ""));
    let mut words = line.split_whitespace();
    let (Some(method), Some(url), Some("HTTP/1.1")) = (words.next(), words.next(), words.next())
    else {
        return Err(broken());
    };
    let (inner, body) = head(rest);
    let id = headers
        .get("content-id")
        .or_else(|| inner.get("content-id"));
    let (path, query) = below(url, root);
    Ok(Part {
        id: id.cloned(),
        group: changeset.map(|nth| nth.to_string()),
        call: Call {
            method: method.to_ascii_uppercase(),
            path,
            query,
            body: body.trim().into(),
            headers: inner,
        },
    })
}

/// What stands between the boundaries.
fn pieces<'a>(body: &'a str, boundary: &str) -> Result<Vec<&'a str>, Fault> {
    let line = format!("--{boundary}");
    let mut pieces: Vec<&str> = body.split(line.as_str()).collect();
    // Before the first boundary is nothing that counts, and the last is followed by two dashes.
    let ended = pieces.pop().is_some_and(|last| last.starts_with("--"));
    if !ended || pieces.is_empty() {
        return Err(broken());
    }
    pieces.remove(0);
    Ok(pieces)
}

/// The header lines, with names in lower case, and what follows the empty line after them.
fn head(text: &str) -> (BTreeMap<String, String>, &str) {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let mut headers = BTreeMap::new();
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        match line.split_once(':') {
            Some((name, value)) => {
                headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
            None => break,
        }
    }
    (headers, rest.trim_start_matches('\n'))
}

fn boundary(media: &str) -> Option<String> {
    let named = media
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))?;
    let named = named.trim_matches('"');
    (!named.is_empty()).then(|| named.to_owned())
}

fn broken() -> Fault {
    Fault::request("batch : The body is no multipart/mixed with the boundary of its header.\r\n")
}

/// The replies in the same form: those of a changeset within one part.
pub(super) fn answer(parts: &[Part], replies: &[Answer], counter: &Counter) -> Answer {
    let boundary = format!("batchresponse_{}", counter.turn);
    let mut body = String::new();
    let mut both = parts.iter().zip(replies).peekable();
    let mut nth = 0;
    while let Some((part, answer)) = both.next() {
        let _ = write!(body, "--{boundary}\r\n");
        if part.group.is_none() {
            write_part(part, answer, &mut body);
            continue;
        }
        let mut changeset = vec![(part, answer)];
        while let Some(next) = both.next_if(|(next, _)| next.group == part.group) {
            changeset.push(next);
        }
        // One reply stands for a changeset that failed as a whole.
        let failed = changeset
            .iter()
            .find(|(_, answer)| answer.status >= 400 && answer.status != 424);
        if let Some((part, answer)) = failed.filter(|_| counter.switches.atomic_groups) {
            write_part(part, answer, &mut body);
            continue;
        }
        nth += 1;
        let inner = format!("changesetresponse_{}_{nth}", counter.turn);
        let _ = write!(
            body,
            "Content-Type: multipart/mixed; boundary={inner}\r\n\r\n"
        );
        for (part, answer) in changeset {
            let _ = write!(body, "--{inner}\r\n");
            write_part(part, answer, &mut body);
        }
        let _ = write!(body, "--{inner}--\r\n");
    }
    let _ = write!(body, "--{boundary}--\r\n");
    let media = format!("multipart/mixed; boundary={boundary}");
    Answer::new(200, media, body).with("odata-version", "4.0")
}

fn write_part(part: &Part, answer: &Answer, body: &mut String) {
    body.push_str("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = &part.id {
        let _ = write!(body, "Content-ID: {id}\r\n");
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    let _ = write!(body, "\r\nHTTP/1.1 {} {reason}\r\n", answer.status);
    if !answer.media.is_empty() {
        let _ = write!(body, "Content-Type: {}\r\n", answer.media);
    }
    for (name, value) in &answer.headers {
        let _ = write!(body, "{name}: {value}\r\n");
    }
    let _ = write!(body, "\r\n{}\r\n", answer.body);
}
