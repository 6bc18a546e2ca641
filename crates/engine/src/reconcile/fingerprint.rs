//! Fingerprints: what a row holds in its mapped fields, as a number that changes with every one of them. They are made with a key of the
//! instance, so that a certificate can be handed out and nobody can try values against it.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use entente_model::mapping::remote::Row;
use ring::{digest, hmac};
use serde_json::Value;

use super::certificate::Range;

/// Bytes kept of the name of a row: enough that no two rows of a company share one.
pub(crate) const NAME_BYTES: usize = 8;

/// Bytes kept of what a row holds: nobody finds another row of the same fingerprint without the key.
pub(crate) const PRINT_BYTES: usize = 16;

/// Bytes of both.
pub(crate) const LEAF_BYTES: usize = NAME_BYTES + PRINT_BYTES;

/// A row in a fingerprint: its name, which does not tell the id, and what it holds.
pub(crate) type Leaf = [u8; LEAF_BYTES];

/// Makes fingerprints with the instance's key.
#[derive(Clone)]
pub(crate) struct Printer {
    key: hmac::Key,
}

impl Printer {
    /// With a key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    fn sign<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; N];
        out.copy_from_slice(&context.sign().as_ref()[..N]);
        out
    }

    /// The name of a row within its object.
    pub(crate) fn name(&self, connection: &str, object: &str, id: &str) -> [u8; NAME_BYTES] {
        self.sign(&[b"row", connection.as_bytes(), object.as_bytes(), id.as_bytes()])
    }

    /// A row with what it holds in some fields, which are sorted. `record` is the record that it is linked to, if any.
    pub(crate) fn leaf(&self, connection: &str, object: &str, id: &str, record: Option<&str>, fields: &[String], row: &Row) -> Leaf {
        let mut held = Vec::with_capacity(512);
        canonical_row(&mut held, fields, row);
        let print: [u8; PRINT_BYTES] = self.sign(&[b"holds", record.unwrap_or_default().as_bytes(), &held]);
        let mut leaf = [0; LEAF_BYTES];
        leaf[..NAME_BYTES].copy_from_slice(&self.name(connection, object, id));
        leaf[NAME_BYTES..].copy_from_slice(&print);
        leaf
    }

    /// The fingerprint of rows, which are sorted.
    pub(crate) fn range(&self, leaves: &[Leaf]) -> String {
        let all: Vec<u8> = leaves.iter().flatten().copied().collect();
        hex(&self.sign::<32>(&[b"range", &all]))
    }
}

/// The range, of 256, that a record or an unlinked row lies in.
pub(crate) fn range_of(name: &str) -> u8 {
    digest::digest(&digest::SHA256, name.as_bytes()).as_ref()[0]
}

/// The fields that are not blank, each with its length, so that no two rows read the same.
fn canonical_row(out: &mut Vec<u8>, fields: &[String], row: &Row) {
    for field in fields {
        let Some(value) = row.get(field).filter(|value| !is_blank(value)) else { continue };
        put(out, field.as_bytes());
        let mut text = Vec::with_capacity(32);
        canonical(&mut text, value);
        put(out, &text);
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// Blank as a platform means it: no value, an empty one, or false, which platforms do not tell from none.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// One value: numbers by what they mean, lists as sets, so that the same value always reads the same.
fn canonical(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(b'n'),
        Value::Bool(flag) => out.extend([b'b', u8::from(*flag)]),
        Value::Number(number) => {
            out.push(b'd');
            match number.to_string().parse::<rust_decimal::Decimal>() {
                Ok(exact) => out.extend(exact.normalize().to_string().into_bytes()),
                Err(_) => out.extend(number.to_string().into_bytes()),
            }
        }
        Value::String(text) => {
            out.push(b't');
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            out.push(b'a');
            let mut parts: Vec<Vec<u8>> = items.iter().map(part).collect();
            parts.sort();
            parts.iter().for_each(|part| put(out, part));
        }
        Value::Object(members) => {
            out.push(b'o');
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            for (name, member) in sorted {
                put(out, name.as_bytes());
                put(out, &part(member));
            }
        }
    }
}

fn part(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    canonical(&mut bytes, value);
    bytes
}

/// The rows of one object, as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Leaves(HashMap<[u8; NAME_BYTES], (u8, Leaf)>);

impl Leaves {
    /// Takes a row in, in place of what was read of it before.
    pub(crate) fn put(&mut self, range: u8, leaf: Leaf) {
        self.0.insert(name_of(&leaf), (range, leaf));
    }

    /// Forgets a row that is gone.
    pub(crate) fn remove(&mut self, name: &[u8; NAME_BYTES]) {
        self.0.remove(name);
    }

    /// Rows.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows of each range, sorted.
    pub(crate) fn sorted(&self) -> BTreeMap<u8, Vec<Leaf>> {
        let mut ranges: BTreeMap<u8, Vec<Leaf>> = BTreeMap::new();
        for (range, leaf) in self.0.values() {
            ranges.entry(*range).or_default().push(*leaf);
        }
        ranges.values_mut().for_each(|leaves| leaves.sort_unstable());
        ranges
    }

    /// The ranges as a certificate has them.
    pub(crate) fn ranges(&self, printer: &Printer) -> BTreeMap<u8, Range> {
        self.sorted()
            .into_iter()
            .map(|(range, leaves)| {
                let all: Vec<u8> = leaves.iter().flatten().copied().collect();
                (range, Range { rows: leaves.len() as u64, fingerprint: printer.range(&leaves), leaves: STANDARD_NO_PAD.encode(all) })
            })
            .collect()
    }
}

/// The name inside a leaf.
pub(crate) fn name_of(leaf: &Leaf) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    name.copy_from_slice(&leaf[..NAME_BYTES]);
    name
}

/// The leaves of a range of a certificate; `None` when they are none, or not those of its fingerprint.
pub(crate) fn leaves_of(range: &Range, printer: &Printer) -> Option<Vec<Leaf>> {
    let bytes = STANDARD_NO_PAD.decode(&range.leaves).ok()?;
    let chunks = bytes.chunks_exact(LEAF_BYTES);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let leaves: Vec<Leaf> = chunks.filter_map(|chunk| chunk.try_into().ok()).collect();
    (leaves.len() as u64 == range.rows && printer.range(&leaves) == range.fingerprint).then_some(leaves)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    fn print(value: &Value) -> Leaf {
        let fields = ["a", "b", "tags"].map(str::to_owned);
        Printer::new(&[7; 32]).leaf("crm", "Contact", "1", Some("con_1"), &fields, &row(value))
    }

    #[test]
    fn every_value_counts_and_its_spelling_does_not() {
        let known = print(&json!({ "a": "x", "b": 12000, "tags": ["one", "two"] }));
        assert_eq!(known, print(&json!({ "tags": ["two", "one"], "b": 12000.0, "a": "x", "other": "read for a filter of no field" })));
        assert_eq!(print(&json!({ "a": "x" })), print(&json!({ "a": "x", "b": null, "tags": [] })));
        for changed in [
            json!({ "a": "y", "b": 12000, "tags": ["one", "two"] }),
            json!({ "a": "x", "b": 12000.5, "tags": ["one", "two"] }),
            json!({ "a": "x", "b": "12000", "tags": ["one", "two"] }),
            json!({ "a": "x", "b": 12000, "tags": ["one"] }),
            json!({ "a": "x", "tags": ["one", "two"] }),
        ] {
            assert_ne!(known, print(&changed), "{changed}");
        }
        assert_ne!(print(&json!({ "a": "xb", "b": "" })), print(&json!({ "a": "x", "b": "b" })));
    }

    #[test]
    fn a_range_reads_back_only_whole() {
        let printer = Printer::new(&[7; 32]);
        let mut leaves = Leaves::default();
        leaves.put(3, print(&json!({ "a": "x" })));
        let mut range = leaves.ranges(&printer).remove(&3).unwrap();
        assert_eq!(leaves_of(&range, &printer).unwrap().len(), 1);
        assert_eq!(leaves_of(&range, &Printer::new(&[8; 32])), None, "another instance's key");
        range.rows = 2;
        assert_eq!(leaves_of(&range, &printer), None);
    }
}
