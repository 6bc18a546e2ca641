//! `$batch` on the wire: requests in parts of one body, and answers taken apart again.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Body};

/// Type of the body. A body is JSON on one line, so that no part of it can look like a boundary.
const CONTENT_TYPE: &str = "multipart/mixed; boundary=batch_entente";

/// One request inside a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inner {
    pub method: Method,
    /// Path with its query.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

fn part(request: &Inner, content_id: usize) -> String {
    let mut text = format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {content_id}\r\n\r\n{} {} HTTP/1.1\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    match &request.body {
        Some(body) => text.push_str(&format!("Content-Type: application/json; type=entry\r\n\r\n{body}\r\n")),
        None => text.push_str("\r\n\r\n"),
    }
    text
}

/// A batch: what stands by itself goes by itself, what belongs together lands together or not at all.
pub(crate) fn body(units: &[Vec<Inner>]) -> Body {
    let mut text = String::new();
    for (at, unit) in units.iter().enumerate() {
        text.push_str("--batch_entente\r\n");
        match unit.as_slice() {
            [single] => text.push_str(&part(single, at + 1)),
            several => {
                text.push_str(&format!("Content-Type: multipart/mixed; boundary=changeset_{at}\r\n\r\n"));
                for (inner, request) in several.iter().enumerate() {
                    text.push_str(&format!("--changeset_{at}\r\n{}", part(request, inner + 1)));
                }
                text.push_str(&format!("--changeset_{at}--\r\n"));
            }
        }
    }
    text.push_str("--batch_entente--\r\n");
    Body::Text { content_type: CONTENT_TYPE, text }
}

fn boundary(content_type: &str) -> Option<String> {
    let held = content_type.split(';').map(str::trim).find_map(|part| part.strip_prefix("boundary="))?;
    Some(held.trim_matches('"').to_owned())
}

/// Parts between boundaries, line ends made one.
fn parts(text: &str, boundary: &str) -> Vec<String> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut found: Vec<Vec<&str>> = Vec::new();
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.trim_end() == close {
            break;
        }
        if line.trim_end() == open {
            found.push(Vec::new());
        } else if let Some(last) = found.last_mut() {
            last.push(line);
        }
    }
    found.into_iter().map(|lines| lines.join("\n")).collect()
}

fn head(text: &str) -> (HeaderMap, &str) {
    let text = text.trim_start_matches('\n');
    let (head, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim())) {
            headers.insert(name, value);
        }
    }
    (headers, rest)
}

fn reply(part: &str) -> Option<Answer> {
    let (_, rest) = head(part);
    let (line, rest) = rest.trim_start_matches('\n').split_once('\n')?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let (headers, body) = head(rest);
    Some(Answer { status, headers, body: Bytes::from(body.trim().to_owned()) })
}

/// The answers of a batch, one group for each unit; a change set that failed has one answer.
///
/// # Errors
/// `unreadable` when the answer is no batch.
pub(crate) fn read(answer: &Answer) -> Result<Vec<Vec<Answer>>, VendorError> {
    let unreadable = || {
        VendorError::new(
            Class::Retry,
            "unreadable",
            "the answer to a batch is not one that Dynamics 365 documents",
            "nothing: the rows are looked at again before anything is repeated",
        )
    };
    let outer = answer.header("content-type").and_then(boundary).ok_or_else(unreadable)?;
    let text = answer.text();
    let mut groups = Vec::new();
    for part in parts(&text, &outer) {
        let (headers, rest) = head(&part);
        let nested = headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .filter(|ty| ty.starts_with("multipart/mixed"))
            .and_then(boundary);
        let replies: Option<Vec<Answer>> = match nested {
            Some(nested) => parts(rest, &nested).iter().map(|part| reply(part)).collect(),
            None => reply(&part).map(|one| vec![one]),
        };
        groups.push(replies.ok_or_else(unreadable)?);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(path: &str) -> Inner {
        Inner {
            method: Method::PATCH,
            path: path.to_owned(),
            headers: vec![("if-match", "*".to_owned())],
            body: Some(json!({"name": "A\r\n--batch_entente"})),
        }
    }

    #[test]
    fn what_belongs_together_is_a_change_set() {
        let Body::Text { text, .. } = body(&[vec![patch("/a")], vec![patch("/b"), patch("/c")]]) else { panic!("text") };
        assert_eq!(text.matches("--batch_entente\r\n").count(), 2, "{text}");
        assert_eq!((text.matches("--changeset_1\r\n").count(), text.matches("--changeset_1--").count()), (2, 1));
        assert!(text.contains("PATCH /a HTTP/1.1\r\nif-match: *\r\n"));
    }

    #[test]
    fn answers_are_taken_apart_whatever_their_line_ends() {
        let text = "--batchresponse_x\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 200 OK\r\nETag: W/\"5\"\r\n\r\n{\"name\":\"A\"}\r\n--batchresponse_x\nContent-Type: multipart/mixed; boundary=changesetresponse_y\n\n--changesetresponse_y\nContent-Type: application/http\n\nHTTP/1.1 204 No Content\n\n\n--changesetresponse_y\nContent-Type: application/http\n\nHTTP/1.1 204 No Content\n\n\n--changesetresponse_y--\n--batchresponse_x--";
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("multipart/mixed; boundary=batchresponse_x"));
        let groups = read(&Answer { status: 200, headers, body: Bytes::from(text) }).expect("batch");
        let statuses: Vec<Vec<u16>> = groups.iter().map(|group| group.iter().map(|one| one.status).collect()).collect();
        assert_eq!(statuses, [vec![200], vec![204, 204]]);
        assert_eq!(groups[0][0].body, Bytes::from("{\"name\":\"A\"}"));
    }
}
