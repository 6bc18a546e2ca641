//! Erasing a person's row at a platform, by the platform's own means where it has them.

use entente_model::mapping::remote::Row;

use crate::connector::{Connector, Priority};
use crate::error::{Class, VendorError};
use crate::write::{Write, WriteKind, WriteTarget};

/// How a platform is to forget a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manner {
    /// The row goes, for good where the platform can.
    Delete,
    /// The row stays, and nothing in it tells whose it was.
    Anonymise,
}

/// One row that is to forget its person.
#[derive(Debug, Clone, PartialEq)]
pub struct Erase {
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
    /// How.
    pub manner: Manner,
    /// Flattened values to write in place of the person's: JSON null clears.
    pub blank: Row,
}

/// What a platform answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// What was done there, in words without any value of the person.
    pub done: String,
    /// What only a person can do there, each with its reason.
    pub left: Vec<&'static str>,
}

impl Erased {
    /// Done, and nothing is left.
    #[must_use]
    pub fn wholly(done: impl Into<String>) -> Self {
        Self { done: done.into(), left: Vec::new() }
    }
}

/// What is left of a row in which the platform lets nobody write every field.
const NOT_BLANKED: &str = "some of its fields take no value over the API: somebody empties them there, or deletes the row";

/// Erases a row by writes alone: it is blanked, so that what a bin or a journal keeps of it is empty, and deleted if it is to go. A field that
/// takes no value there keeps no other one from being blanked.
pub(crate) async fn by_writes<C: Connector + ?Sized>(connector: &C, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
    let (mut blank, mut left) = (erase.blank.clone(), Vec::new());
    while !blank.is_empty() {
        let refused = match write(connector, erase, WriteKind::Update, blank.clone(), priority).await {
            Ok(()) => break,
            Err(error) if matches!(error.class, Class::Data | Class::Configuration) => error,
            Err(error) => return Err(error),
        };
        if refused.field.as_ref().and_then(|field| blank.remove(field)).is_none() {
            return Err(refused);
        }
        left = vec![NOT_BLANKED];
    }
    if erase.manner == Manner::Anonymise {
        return Ok(Erased { done: "blanked".to_owned(), left });
    }
    write(connector, erase, WriteKind::Delete, Row::new(), priority).await?;
    Ok(Erased::wholly("blanked and deleted"))
}

/// One write. What is no longer there is what was wanted.
async fn write<C: Connector + ?Sized>(
    connector: &C,
    erase: &Erase,
    kind: WriteKind,
    row: Row,
    priority: Priority,
) -> Result<(), VendorError> {
    // No write here goes by a key; the name is one that every platform takes.
    let target = WriteTarget { object: erase.object.clone(), key_field: "Id".to_owned() };
    let write = Write { kind, key: String::new(), id: Some(erase.id.clone()), row, expect: None };
    match connector.write(&target, &[write], priority).await?.pop() {
        Some(Err(error)) if error.class != Class::LookAgain => Err(error),
        _ => Ok(()),
    }
}
