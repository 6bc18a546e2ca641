//! `$batch`: requests in parts of one body, change sets that are all or nothing, and answers in the same form.

use http::Method;
use serde_json::Value;

use super::call::{Call, segments};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Requests of one batch.
const REQUESTS_MAX: usize = 1_000;

/// One request inside.
#[derive(Debug, Clone)]
struct Inner {
    content_id: Option<String>,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

enum Part {
    One(Inner),
    Set(Vec<Inner>),
}

fn malformed(reason: &str) -> Refusal {
    Refusal::new(400, "0x80048d19", format!("The message header or body of the batch is invalid: {reason}"))
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let held = content_type.split(';').map(str::trim).find_map(|part| part.strip_prefix("boundary="))?;
    Some(held.trim_matches('"').to_owned())
}

/// The parts between boundaries; line ends may be of either kind.
fn parts(text: &str, boundary: &str) -> Vec<String> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut found: Vec<Vec<&str>> = Vec::new();
    for line in text.split('\n') {
        let bare = line.trim_end_matches('\r');
        if bare.trim_end() == close {
            break;
        }
        if bare.trim_end() == open {
            found.push(Vec::new());
        } else if let Some(last) = found.last_mut() {
            last.push(bare);
        }
    }
    found.into_iter().map(|lines| lines.join("\n")).collect()
}

/// Headers up to the first empty line, and what follows.
fn head(text: &str) -> (Vec<(String, String)>, &str) {
    let text = text.trim_start_matches('\n');
    let (head, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let headers =
        head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
    (headers.collect(), rest)
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
}

fn inner(part: &str) -> Result<Inner, Refusal> {
    let (outer, rest) = head(part);
    let rest = rest.trim_start_matches('\n');
    let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let method: Method = words.next().and_then(|word| word.parse().ok()).ok_or_else(|| malformed("a part has no request line"))?;
    let url = words.next().ok_or_else(|| malformed("a part names no address"))?.to_owned();
    // Without headers, the empty line stands at once.
    let (headers, body) = if rest.starts_with('\n') || rest.is_empty() { (Vec::new(), rest) } else { head(rest) };
    let content_id = header(&outer, "content-id").or_else(|| header(&headers, "content-id")).map(str::to_owned);
    Ok(Inner { content_id, method, url, headers, body: body.trim().to_owned() })
}

fn read(text: &str, boundary: &str) -> Result<Vec<Part>, Refusal> {
    let mut all = Vec::new();
    for part in parts(text, boundary) {
        let (headers, rest) = head(&part);
        let nested = header(&headers, "content-type").filter(|ty| ty.starts_with("multipart/mixed")).and_then(self::boundary);
        match nested {
            Some(nested) => {
                let set: Vec<Inner> = parts(rest, &nested).iter().map(|part| inner(part)).collect::<Result<_, _>>()?;
                if set.iter().any(|request| request.method == Method::GET) {
                    return Err(malformed("a change set holds a GET"));
                }
                all.push(Part::Set(set));
            }
            None => all.push(Part::One(inner(&part)?)),
        }
    }
    let count: usize = all.iter().map(|part| if let Part::Set(set) = part { set.len() } else { 1 }).sum();
    if count > REQUESTS_MAX {
        return Err(Refusal::new(400, "0x80048d19", format!("The batch holds more than the {REQUESTS_MAX} requests that are allowed.")));
    }
    Ok(all)
}

/// Number of requests in a batch, as far as it can be read.
pub(crate) fn operations(text: &str) -> usize {
    text.lines().filter(|line| line.trim_end().ends_with("HTTP/1.1")).count()
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

fn written(answer: &Answer, content_id: Option<&str>) -> String {
    let mut text = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n".to_owned();
    if let Some(id) = content_id {
        text.push_str(&format!("Content-ID: {id}\r\n"));
    }
    text.push_str(&format!("\r\nHTTP/1.1 {} {}\r\n", answer.status, reason(answer.status)));
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("OData-Version: 4.0\r\n");
    match (&answer.body, &answer.text) {
        (Some(body), _) => text.push_str(&format!("Content-Type: application/json; odata.metadata=minimal\r\n\r\n{body}\r\n")),
        (None, Some((ty, body))) => text.push_str(&format!("Content-Type: {ty}\r\n\r\n{body}\r\n")),
        (None, None) => text.push_str("\r\n\r\n"),
    }
    text
}

fn refused(refusal: &Refusal) -> Answer {
    Answer { status: refusal.status, body: Some(refusal.body.clone()), ..Answer::default() }
}

impl State {
    /// `POST $batch`.
    pub(crate) fn batch(&mut self, call: &Call, text: &str, content_type: &str) -> Outcome {
        let boundary = boundary(content_type)
            .filter(|_| content_type.starts_with("multipart/mixed"))
            .ok_or_else(|| malformed("it is no multipart/mixed"))?;
        let on_error = call.preference("odata.continue-on-error").is_some_and(|value| value != "false");
        let outer = self.uuid();
        let (mut body, mut status) = (String::new(), 200);
        for part in read(text, &boundary)? {
            body.push_str(&format!("--batchresponse_{outer}\r\n"));
            let failed = match part {
                Part::One(request) => {
                    let outcome = self.inside(call, &request, &[]);
                    let failed = outcome.as_ref().err().map(|refusal| refusal.status);
                    let answer = outcome.unwrap_or_else(|refusal| refused(&refusal));
                    body.push_str(&written(&answer, request.content_id.as_deref()));
                    failed
                }
                Part::Set(set) => {
                    let nested = self.uuid();
                    match self.change_set(call, &set) {
                        Ok(answers) => {
                            body.push_str(&format!("Content-Type: multipart/mixed; boundary=changesetresponse_{nested}\r\n\r\n"));
                            for (answer, request) in answers.iter().zip(&set) {
                                body.push_str(&format!(
                                    "--changesetresponse_{nested}\r\n{}",
                                    written(answer, request.content_id.as_deref())
                                ));
                            }
                            body.push_str(&format!("--changesetresponse_{nested}--\r\n"));
                            None
                        }
                        Err((refusal, id)) => {
                            body.push_str(&written(&refused(&refusal), id.as_deref()));
                            Some(refusal.status)
                        }
                    }
                }
            };
            if let Some(failed) = failed.filter(|_| !on_error) {
                status = failed;
                break;
            }
        }
        body.push_str(&format!("--batchresponse_{outer}--\r\n"));
        Ok(Answer::text(status, format!("multipart/mixed; boundary=batchresponse_{outer}"), body))
    }

    fn change_set(&mut self, call: &Call, set: &[Inner]) -> Result<Vec<Answer>, (Refusal, Option<String>)> {
        let mut at_fault = None;
        let done = self.atomically(|state| {
            let (mut answers, mut known) = (Vec::new(), Vec::new());
            for request in set {
                let answer = state.inside(call, request, &known).inspect_err(|_| at_fault.clone_from(&request.content_id))?;
                let made = answer.headers.iter().find(|(name, _)| *name == "odata-entityid").map(|(_, address)| address.clone());
                if let Some((id, made)) = request.content_id.clone().zip(made) {
                    known.push((id, made));
                }
                answers.push(answer);
            }
            Ok(answers)
        });
        done.map_err(|refusal| (refusal, at_fault))
    }

    /// Carries one request out; `known` are the rows that earlier ones of its change set made.
    fn inside(&mut self, outer: &Call, request: &Inner, known: &[(String, String)]) -> Outcome {
        let mut url = request.url.clone();
        if let Some(rest) = url.strip_prefix('$').filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit())) {
            let (id, tail) = rest.split_once('/').unwrap_or((rest, ""));
            let made =
                known.iter().find(|(held, _)| held == id).ok_or_else(|| malformed(&format!("${id} refers to no earlier request")))?;
            url = format!("{}/{tail}", made.1).trim_end_matches('/').to_owned();
        }
        let path_and_query = match url.split_once("/api/data/") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, rest)| rest).to_owned(),
            None => url.trim_start_matches('/').to_owned(),
        };
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query.as_str(), ""));
        let mut body: Value = if request.body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_str(&request.body).map_err(|_| malformed("a part's body is not JSON"))?
        };
        for (name, value) in body.as_object_mut().into_iter().flatten().filter(|(name, _)| name.ends_with("@odata.bind")) {
            if let Some(id) = value.as_str().and_then(|text| text.strip_prefix('$')) {
                let made =
                    known.iter().find(|(held, _)| held == id).ok_or_else(|| malformed(&format!("{name} refers to no earlier request")))?;
                *value = Value::from(made.1.as_str());
            }
        }
        let call = Call {
            method: request.method.clone(),
            path: segments(path),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body,
            root: outer.root.clone(),
            prefer: header(&request.headers, "prefer").map(super::gate::preferences).unwrap_or_default(),
            if_match: header(&request.headers, "if-match").map(str::to_owned),
            if_none_match: header(&request.headers, "if-none-match").map(str::to_owned),
            half_page: false,
        };
        let tag = call.query("tag").map(str::to_owned);
        let held = std::mem::replace(&mut self.tag, tag.or_else(|| outer.query("tag").map(str::to_owned)));
        let outcome = self.route(&call);
        self.tag = held;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_kind_of_line_end_is_read() {
        let text = "--b\nContent-Type: application/http\n\nGET accounts HTTP/1.1\nAccept: x\n\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nPOST /api/data/v9.2/accounts HTTP/1.1\r\n\r\n{\"name\":\"A\"}\r\n--c--\r\n--b--";
        let all = read(text, "b").expect("batch");
        let Some(Part::One(get)) = all.first() else { panic!("a request") };
        assert_eq!((get.method.clone(), get.url.as_str(), get.body.as_str()), (Method::GET, "accounts", ""));
        let Some(Part::Set(set)) = all.get(1) else { panic!("a change set") };
        assert_eq!((set[0].content_id.as_deref(), set[0].body.as_str()), (Some("1"), "{\"name\":\"A\"}"));
        assert_eq!(operations(text), 2);
    }
}
