//! One request as the routes see it, and the addresses of rows.

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::filter::literal;
use super::refusal::Refusal;
use super::schema::Table;
use super::state::{Record, State, link};

/// A request to the Web API, read.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Where it goes, behind the API's root.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The API's root as it was called.
    pub(crate) root: String,
    /// Preferences, each as it was sent.
    pub(crate) prefer: Vec<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    /// Whether a fault halves the page.
    pub(crate) half_page: bool,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a preference, or an empty text for one that has none.
    pub(crate) fn preference(&self, name: &str) -> Option<&str> {
        self.prefer.iter().find_map(|held| {
            let (key, value) = held.split_once('=').unwrap_or((held, ""));
            (key.trim().eq_ignore_ascii_case(name)).then(|| value.trim().trim_matches('"'))
        })
    }

    pub(crate) fn wants_representation(&self) -> bool {
        self.preference("return") == Some("representation")
    }

    pub(crate) fn object(&self) -> Result<&Map<String, Value>, Refusal> {
        self.body
            .as_object()
            .ok_or_else(|| Refusal::new(400, "0x0", "An error occurred while validating input parameters: the body must be a JSON object."))
    }
}

/// How a row is named in an address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Id(String),
    Values(Vec<(String, Value)>),
}

/// A set, perhaps with one of its rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Address {
    pub(crate) set: String,
    pub(crate) key: Option<Key>,
}

/// Splits `a,b` outside of quotes.
fn split_list(text: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for letter in text.chars() {
        quoted ^= letter == '\'';
        match parts.last_mut() {
            _ if letter == ',' && !quoted => parts.push(String::new()),
            Some(last) => last.push(letter),
            None => {}
        }
    }
    parts
}

/// Reads `accounts`, `accounts(guid)` or `accounts(accountnumber='A1',…)`.
pub(crate) fn address_of(segment: &str) -> Address {
    let bare = || Address { set: segment.to_owned(), key: None };
    let Some((set, rest)) = segment.split_once('(') else { return bare() };
    let Some(inner) = rest.strip_suffix(')') else { return bare() };
    let parts: Vec<(String, Value)> = split_list(inner)
        .iter()
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), literal(value.trim())))
        .collect();
    let key = if parts.is_empty() { Key::Id(inner.trim().to_lowercase()) } else { Key::Values(parts) };
    Address { set: set.to_owned(), key: (!inner.is_empty()).then_some(key) }
}

/// The segments of a path, each decoded by itself: a key may hold a slash that is encoded.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

impl State {
    /// The id of the row that a key names.
    ///
    /// # Errors
    /// When these columns are no key, and 404 when no row has the values.
    pub(crate) fn resolve(&self, table: &Table, key: &Key) -> Result<String, Refusal> {
        match key {
            Key::Id(id) if id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') => Ok(id.clone()),
            Key::Id(_) => Err(Refusal::not_a_key(&table.name)),
            Key::Values(values) => self.find_by_key(table, values)?.ok_or_else(|| Refusal::no_key_value(&table.name)),
        }
    }

    /// The row with these values of an alternate key, if there is one.
    pub(crate) fn find_by_key(&self, table: &Table, values: &[(String, Value)]) -> Result<Option<String>, Refusal> {
        if let [(name, Value::String(id))] = values
            && *name == table.id
        {
            return Ok(self.row(&table.name, id).map(|row| row.id.clone()));
        }
        let probe = self.probe(table, values)?;
        let names: Vec<&String> = probe.values.keys().collect();
        let now = self.now_ms;
        let key = table.keys.iter().find(|key| {
            key.active_ms <= now && key.columns.len() == names.len() && key.columns.iter().all(|column| names.contains(&column))
        });
        let key = key.ok_or_else(|| Refusal::not_a_key(&table.name))?;
        Ok(self.by_key(&table.name, &key.name, &probe, &key.columns).map(str::to_owned))
    }

    /// A row of nothing but the values of a key.
    pub(crate) fn probe(&self, table: &Table, values: &[(String, Value)]) -> Result<Record, Refusal> {
        let mut probe = Record::default();
        for (name, value) in values {
            let column = table.readable(name).ok_or_else(|| Refusal::not_a_key(&table.name))?;
            let held = match (&column.ty, value) {
                (super::schema::Ty::Lookup(targets), Value::String(id)) => {
                    link(targets.first().map_or("", String::as_str), &id.to_lowercase())
                }
                _ => value.clone(),
            };
            probe.values.insert(column.name.clone(), held);
        }
        Ok(probe)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_an_id_or_the_values_of_a_key() {
        assert_eq!(address_of("accounts"), Address { set: "accounts".to_owned(), key: None });
        assert_eq!(address_of("accounts(ABC)").key, Some(Key::Id("abc".to_owned())));
        let values = vec![("firstname".to_owned(), json!("Joe, O'Neil")), ("age".to_owned(), json!(7))];
        assert_eq!(address_of("contacts(firstname='Joe, O''Neil',age=7)").key, Some(Key::Values(values)));
        assert_eq!(segments("/accounts(name='a%2Fb')/name"), ["accounts(name='a/b')", "name"]);
    }
}
