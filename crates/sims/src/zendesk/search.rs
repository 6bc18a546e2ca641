//! Search, with an index that lags behind.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment;
use super::page::{self, Listing, listing};
use super::record::{Kind, Record};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Snapshot, State};
use super::users::User;

/// Results that an ordinary search ever shows.
const RESULTS_MAX: usize = 1_000;
/// Most results on a page of a search export.
const EXPORT_PAGE_MAX: usize = 1_000;

/// One condition of a query.
#[derive(Debug, Clone)]
struct Term {
    negated: bool,
    /// Empty for a free word.
    key: String,
    /// `:`, `>`, `>=`, `<`, `<=`.
    sign: &'static str,
    /// Lower case.
    value: String,
}

/// A version of a record as the index knows it.
enum Seen<'a> {
    User(&'a User),
    Other(&'a Record),
}

impl Seen<'_> {
    fn record(&self) -> &Record {
        match self {
            Self::User(user) => &user.rec,
            Self::Other(record) => record,
        }
    }
}

fn tokens(query: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for letter in query.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if letter.is_whitespace() && !quoted => out.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            _ => word.push(letter),
        }
    }
    out.extend(Some(word).filter(|word| !word.is_empty()));
    out
}

fn parse(query: &str) -> Vec<Term> {
    tokens(query)
        .into_iter()
        .map(|token| {
            let (negated, rest) = token.strip_prefix('-').map_or((false, token.as_str()), |rest| (true, rest));
            let sign_at = rest.find([':', '>', '<']).filter(|at| *at > 0);
            match sign_at {
                Some(at) if rest[..at].chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.') => {
                    let tail = &rest[at..];
                    let sign = [">=", "<=", ">", "<", ":"].into_iter().find(|sign| tail.starts_with(sign)).unwrap_or(":");
                    Term { negated, key: rest[..at].to_lowercase(), sign, value: tail[sign.len()..].to_lowercase() }
                }
                _ => Term { negated, key: String::new(), sign: ":", value: rest.to_lowercase() },
            }
        })
        .collect()
}

fn matches_text(held: &str, wanted: &str) -> bool {
    let held = held.to_lowercase();
    match wanted.strip_suffix('*') {
        Some(start) => held.split(|letter: char| letter.is_whitespace()).any(|word| word.starts_with(start)) || held.starts_with(start),
        None => held == wanted || held.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == wanted) || held.contains(wanted),
    }
}

fn compare(sign: &str, held: i64, wanted: i64) -> bool {
    match sign {
        ">" => held > wanted,
        ">=" => held >= wanted,
        "<" => held < wanted,
        "<=" => held <= wanted,
        _ => held == wanted,
    }
}

impl State {
    /// The version of a record that the index has, if it has one.
    fn seen(&self, kind: Kind, id: u64) -> Option<Seen<'_>> {
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        let edge = self.now_ms - lag;
        if lag > 0
            && let Some((_, old)) =
                self.shadows.get(&(kind, id)).and_then(|versions| versions.iter().find(|(replaced, _)| *replaced > edge))
        {
            return old.as_ref().map(|snapshot| match snapshot {
                Snapshot::User(user) => Seen::User(user),
                Snapshot::Other(record) => Seen::Other(record),
            });
        }
        match kind {
            Kind::User => self.users.get(&id).map(Seen::User),
            Kind::Organization => self.organizations.get(&id).map(Seen::Other),
            Kind::Ticket => self.tickets.get(&id).map(|ticket| Seen::Other(&ticket.rec)),
        }
    }

    /// Ids that may match: one index look-up where a term names a unique key, else everything.
    fn candidates(&self, kind: Kind, terms: &[Term]) -> Vec<u64> {
        let exact = terms.iter().find(|term| {
            !term.negated && term.sign == ":" && matches!(term.key.as_str(), "external_id" | "email") && !term.value.ends_with('*')
        });
        let mut ids: Vec<u64> = match exact {
            Some(term) if term.key == "email" && kind == Kind::User && term.value.contains('@') => {
                self.user_by_email.get(term.value.as_str()).copied().into_iter().collect()
            }
            Some(term) if term.key == "external_id" => match kind {
                Kind::Ticket => self.tickets_by_external.get(term.value.as_str()).into_iter().flatten().copied().collect(),
                _ => self.by_external(kind, &term.value).into_iter().collect(),
            },
            _ => match kind {
                Kind::User => self.users.keys().copied().collect(),
                Kind::Organization => self.organizations.keys().copied().collect(),
                Kind::Ticket => self.tickets.keys().copied().collect(),
            },
        };
        ids.extend(self.shadows.keys().filter(|(shadowed, _)| *shadowed == kind).map(|(_, id)| *id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn term_holds(&self, kind: Kind, seen: &Seen<'_>, term: &Term) -> bool {
        let record = seen.record();
        let text = |name: &str| record.text(name).unwrap_or_default();
        let time = |at: i64| {
            moment::parse(&term.value.to_uppercase())
                .is_some_and(|wanted| if term.sign == ":" { iso_day(at) == iso_day(wanted) } else { compare(term.sign, at, wanted) })
        };
        let none = term.value == "none";
        match term.key.as_str() {
            "" => {
                let words: &[&str] = match kind {
                    Kind::User => &["name", "alias", "phone", "notes", "details", "external_id"],
                    Kind::Organization => &["name", "notes", "details", "external_id"],
                    Kind::Ticket => &["subject", "description", "external_id"],
                };
                let by_mail = match seen {
                    Seen::User(user) => user.identities.iter().any(|identity| matches_text(&identity.value, &term.value)),
                    Seen::Other(_) => false,
                };
                by_mail || record.id.to_string() == term.value || words.iter().any(|word| matches_text(text(word), &term.value))
            }
            "type" => {
                let wanted = term.value.as_str();
                wanted == kind.singular() || (kind == Kind::Ticket && text("type") == wanted)
            }
            "id" => record.id.to_string() == term.value,
            "created" | "created_at" => time(record.created),
            "updated" | "updated_at" => time(record.updated),
            "solved" => self.tickets.get(&record.id).and_then(|ticket| ticket.metrics.solved).is_some_and(time),
            "tags" | "tag" => {
                if none {
                    record.tags.is_empty()
                } else {
                    term.value.split([' ', ',']).any(|tag| record.has_tag(tag))
                }
            }
            "status" => {
                const ORDER: &[&str] = &["new", "open", "pending", "hold", "solved", "closed"];
                let place = |word: &str| ORDER.iter().position(|name| *name == word).and_then(|at| i64::try_from(at).ok());
                let held = record.text("status").unwrap_or("new");
                place(held).zip(place(&term.value)).is_some_and(|(held, wanted)| compare(term.sign, held, wanted))
            }
            "email" => match seen {
                Seen::User(user) if none => user.email().is_none(),
                Seen::User(user) => {
                    user.identities.iter().any(|identity| &*identity.ty == "email" && matches_text(&identity.value, &term.value))
                }
                Seen::Other(_) => false,
            },
            "role" => match seen {
                Seen::User(user) => user.role() == term.value,
                Seen::Other(_) => false,
            },
            "external_id" if none => record.text("external_id").is_none(),
            "external_id" => text("external_id").to_lowercase() == term.value,
            "requester" | "assignee" | "submitter" | "organization" | "group" | "brand" => {
                let held = record.id_of(&format!("{}_id", term.key));
                let named = |id: u64| match term.key.as_str() {
                    "organization" => self.organizations.get(&id).and_then(|held| held.text("name")).map(str::to_lowercase),
                    _ => self.users.get(&id).and_then(User::email).map(str::to_owned),
                };
                match held {
                    None => none,
                    Some(id) => id.to_string() == term.value || named(id).is_some_and(|name| name == term.value),
                }
            }
            key => {
                let field = match key.strip_prefix("custom_field_") {
                    Some(id) => self.fields_of(kind).iter().find(|field| field.id.to_string() == id),
                    None => self.fields_of(kind).iter().find(|field| field.key == key && !field.system),
                };
                match field {
                    Some(field) => match field.shown(kind, record.field(field.id)) {
                        Value::Null => none,
                        Value::String(held) => matches_text(&held, &term.value),
                        other => other.to_string().to_lowercase() == term.value,
                    },
                    None => matches_text(text(key), &term.value) && !text(key).is_empty(),
                }
            }
        }
    }

    fn found(&self, kind: Kind, terms: &[Term]) -> Vec<(i64, i64, u64)> {
        let terms: Vec<&Term> = terms.iter().filter(|term| !matches!(term.key.as_str(), "order_by" | "sort")).collect();
        self.candidates(kind, &terms.iter().map(|term| (*term).clone()).collect::<Vec<_>>())
            .into_iter()
            .filter_map(|id| {
                let seen = self.seen(kind, id)?;
                let record = seen.record();
                let holds = record.deleted.is_none() && terms.iter().all(|term| self.term_holds(kind, &seen, term) != term.negated);
                holds.then_some((record.created, record.updated, id))
            })
            .collect()
    }

    fn result(&self, kind: Kind, id: u64) -> Option<Value> {
        let mut shown = match (kind, self.seen(kind, id)?) {
            (Kind::User, Seen::User(user)) => self.user_json(user),
            (Kind::Organization, Seen::Other(record)) => self.organization_json(record),
            (Kind::Ticket, Seen::Other(record)) => {
                let mut ticket = self.tickets.get(&id)?.clone();
                ticket.rec = record.clone();
                self.ticket_json(&ticket)
            }
            _ => return None,
        };
        shown["result_type"] = json!(kind.singular());
        Some(shown)
    }

    fn kinds(terms: &[Term]) -> Vec<Kind> {
        let named: Vec<Kind> = terms
            .iter()
            .filter(|term| term.key == "type" && !term.negated)
            .map(|term| Kind::named(&term.value).unwrap_or(Kind::Ticket))
            .collect();
        if named.is_empty() { vec![Kind::Ticket, Kind::User, Kind::Organization] } else { named }
    }

    /// Routes below `/search`.
    pub(crate) fn search_routes(&self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        if call.method != "GET" {
            return Err(Refusal::no_route());
        }
        let query = call.q("query").ok_or_else(|| Refusal::parameter("query"))?;
        let terms = parse(query);
        match call.path().as_slice() {
            ["search"] => {
                let mut rows: Vec<(i64, i64, u64, Kind)> = Self::kinds(&terms)
                    .into_iter()
                    .flat_map(|kind| self.found(kind, &terms).into_iter().map(move |(created, updated, id)| (created, updated, id, kind)))
                    .collect();
                let sort = call.q("sort_by").or_else(|| terms.iter().find(|term| term.key == "order_by").map(|term| term.value.as_str()));
                let descending =
                    call.q("sort_order").or_else(|| terms.iter().find(|term| term.key == "sort").map(|term| term.value.as_str()))
                        != Some("asc");
                rows.sort_by_key(|row| (if sort.is_some_and(|sort| sort.starts_with("updated")) { row.1 } else { row.0 }, row.2));
                if descending {
                    rows.reverse();
                }
                self.search_page(call, rows)
            }
            ["search", "count"] => {
                let count: usize = Self::kinds(&terms).into_iter().map(|kind| self.found(kind, &terms).len()).sum();
                Ok(Answer::ok(json!({"count": count})))
            }
            ["search", "export"] => {
                let kind = call.q("filter[type]").or_else(|| call.q("filter[type][]")).and_then(Kind::named);
                let kind = kind.ok_or_else(|| Refusal::parameter("filter[type]"))?;
                if terms.iter().any(|term| term.key == "type") {
                    return Err(Refusal::plain(422, "invalid", "Invalid search: type is given by filter[type]"));
                }
                let keys = self.found(kind, &terms).into_iter().map(|(created, _, id)| (created, id)).collect();
                let list = Listing::ascending("results", keys).page_max(EXPORT_PAGE_MAX);
                let mut paged = call.query.clone();
                if !page::wants_cursor(call) {
                    paged.push(("page[size]".to_owned(), "100".to_owned()));
                }
                let call = Call {
                    query: paged,
                    method: call.method.clone(),
                    segments: call.segments.clone(),
                    path: call.path.clone(),
                    body: Value::Null,
                    origin: call.origin.clone(),
                    idempotency_key: None,
                    ..*call
                };
                let (ids, paging) = page::page(&call, &list)?;
                let mut body = Map::new();
                body.insert("results".to_owned(), ids.into_iter().filter_map(|id| self.result(kind, id)).collect());
                body.insert("facets".to_owned(), Value::Null);
                body.extend(paging);
                Ok(Answer::ok(Value::Object(body)))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// The thousandth result is the last, though `next_page` goes on: the page after it is refused.
    fn search_page(&self, call: &Call, rows: Vec<(i64, i64, u64, Kind)>) -> Outcome {
        let number =
            |name: &str, usual: usize| call.q(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(usual);
        let (page, size) = (number("page", 1), number("per_page", 100).min(100));
        if page * size > RESULTS_MAX && (page - 1) * size >= RESULTS_MAX {
            return Err(Refusal::plain(422, "invalid", "Invalid search: Requested response size was greater than Search Response Limits"));
        }
        let from = ((page - 1) * size).min(rows.len());
        let mut to = (from + size).min(rows.len());
        if call.half_page {
            to = from + (to - from).div_ceil(2);
        }
        let results: Vec<Value> = rows[from..to].iter().filter_map(|row| self.result(row.3, row.2)).collect();
        let next = (page * size < rows.len()).then(|| call.link(&[("page", Some((page + 1).to_string()))]));
        let previous = (page > 1).then(|| call.link(&[("page", Some((page - 1).to_string()))]));
        Ok(Answer::ok(json!({"results": results, "facets": null, "next_page": next, "previous_page": previous, "count": rows.len()})))
    }

    /// `/users/search`.
    pub(crate) fn search_users(&self, call: &Call) -> Outcome {
        let terms = match (call.q("external_id"), call.q("query")) {
            (Some(external), _) => vec![Term { negated: false, key: "external_id".to_owned(), sign: ":", value: external.to_lowercase() }],
            (None, Some(query)) => parse(query),
            (None, None) => return Err(Refusal::parameter("query")),
        };
        let keys = self.found(Kind::User, &terms).into_iter().map(|(_, _, id)| (0, id)).collect();
        listing(call, Listing::ascending("users", keys), |id| self.found_user(id))
    }

    fn found_user(&self, id: u64) -> Option<Value> {
        match self.seen(Kind::User, id)? {
            Seen::User(user) => Some(self.user_json(user)),
            Seen::Other(_) => None,
        }
    }

    /// `/organizations/search`: exact name or external id.
    pub(crate) fn search_organizations(&self, call: &Call) -> Outcome {
        let (attr, wanted) = match (call.q("external_id"), call.q("name")) {
            (Some(external), _) => ("external_id", external.to_lowercase()),
            (None, Some(name)) => ("name", name.to_lowercase()),
            (None, None) => return Err(Refusal::parameter("name")),
        };
        let index = if attr == "name" { &self.organization_by_name } else { &self.organization_by_external };
        let mut ids: Vec<u64> = index.get(wanted.as_str()).copied().into_iter().collect();
        ids.extend(self.shadows.keys().filter(|(kind, _)| *kind == Kind::Organization).map(|(_, id)| *id));
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| {
            self.seen(Kind::Organization, *id)
                .is_some_and(|seen| seen.record().text(attr).is_some_and(|held| held.to_lowercase() == wanted))
        });
        listing(call, Listing::as_is("organizations", ids), |id| {
            self.seen(Kind::Organization, id).map(|seen| self.organization_json(seen.record()))
        })
    }

    /// `/users/autocomplete` and `/organizations/autocomplete`.
    pub(crate) fn autocomplete(&self, call: &Call, kind: Kind) -> Outcome {
        let name = call.q("name").or_else(|| call.body["name"].as_str()).unwrap_or_default().to_lowercase();
        if name.chars().count() < 2 {
            return Err(Refusal::plain(400, "InvalidValue", "Parameter name must have at least 2 characters"));
        }
        let begins = |held: &str| {
            held.to_lowercase().split_whitespace().any(|word| word.starts_with(&name)) || held.to_lowercase().starts_with(&name)
        };
        let keys = self
            .candidates(kind, &[])
            .into_iter()
            .filter(|id| {
                self.seen(kind, *id).is_some_and(|seen| seen.record().deleted.is_none() && seen.record().text("name").is_some_and(begins))
            })
            .map(|id| (0, id))
            .collect();
        listing(call, Listing::ascending(kind.plural(), keys), |id| match kind {
            Kind::User => self.found_user(id),
            _ => self.seen(kind, id).map(|seen| self.organization_json(seen.record())),
        })
    }
}

fn iso_day(at: i64) -> i64 {
    at.div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_split_into_terms() {
        let terms = parse(r#"type:user email:"A@B.c" -tags:vip updated>=2024-01-01T00:00:00Z smith"#);
        let shown: Vec<_> = terms.iter().map(|term| (term.negated, term.key.as_str(), term.sign, term.value.as_str())).collect();
        assert_eq!(
            shown,
            [
                (false, "type", ":", "user"),
                (false, "email", ":", "a@b.c"),
                (true, "tags", ":", "vip"),
                (false, "updated", ">=", "2024-01-01t00:00:00z"),
                (false, "", ":", "smith"),
            ]
        );
    }
}
