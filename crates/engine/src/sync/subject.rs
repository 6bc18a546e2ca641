//! What a hint is about: a record, or a remote row that no record is linked to yet.

use std::fmt;

use entente_model::id::RecordId;

/// Subject of a hint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A record: converge it.
    Record(RecordId),
    /// A remote row: find or make its record.
    Row(RowKey),
}

/// A remote row by connection, object and external id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
}

impl Subject {
    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(id), None, None) => id.parse().ok().map(Self::Record),
            (Some(connection), Some(object), Some(id)) => {
                Some(Self::Row(RowKey { connection: connection.to_owned(), object: object.to_owned(), id: id.to_owned() }))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(id) => id.fmt(f),
            Self::Row(row) => row.fmt(f),
        }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.connection, self.object, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_survive_their_text() {
        for text in ["con_01h455vb4pex5vsknk084sn02q", "zendesk/user/26155588908179", "salesforce/Contact/003xx/odd"] {
            assert_eq!(Subject::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Subject::parse("zendesk/user"), None);
    }
}
