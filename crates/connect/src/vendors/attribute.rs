//! An attribute of a platform's own, as the tables of several connectors have it: what the platform's documentation says of one, in a line.

use entente_model::mapping::remote::{RemoteField, RemoteKind};

/// Longest text in a line.
pub(crate) const LINE: u32 = 255;

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    /// Flattened name.
    pub name: &'static str,
    /// Type.
    pub kind: RemoteKind,
    /// Whether writes may carry it.
    pub writable: bool,
    /// Whether a row must have it.
    pub required: bool,
    /// Whether no two rows have the same.
    pub unique: bool,
    /// Whether it says whose the row is.
    pub of_owner: bool,
}

/// One that is read alone.
pub(crate) const fn shown(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: false, required: false, unique: false, of_owner: false }
}

/// One that is read and written.
pub(crate) const fn open(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: true, required: false, unique: false, of_owner: false }
}

/// One that no two rows share.
pub(crate) const fn key(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: true, required: false, unique: true, of_owner: false }
}

/// One that a row must have.
pub(crate) const fn needed(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: true, required: true, unique: false, of_owner: false }
}

impl Attribute {
    /// The same, saying whose the row is.
    pub(crate) const fn of_owner(self) -> Self {
        Self { of_owner: true, ..self }
    }

    /// As `describe` tells of it.
    pub(crate) fn described(&self) -> RemoteField {
        let in_a_line = matches!(self.kind, RemoteKind::Text | RemoteKind::Email | RemoteKind::Phone | RemoteKind::Url);
        RemoteField {
            writable: self.writable,
            required: self.required,
            unique: self.unique,
            of_owner: self.of_owner,
            length: in_a_line.then_some(LINE),
            ..RemoteField::new(self.name, label(self.name), self.kind)
        }
    }
}

/// `company_id` → `Company id`.
pub(crate) fn label(name: &str) -> String {
    let spaced = name.replace(['_', '.'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
