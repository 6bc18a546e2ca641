//! What the platforms ask of rows: without which fields they take no new one, what they never take away again, and what they let one row alone
//! hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::capability::Capabilities;
use entente_model::mapping::Direction;
use entente_model::mapping::remote::RemoteObject;
use entente_model::object::FieldType;

use super::Catalog;

/// What platforms say that rows there cannot be without, and cannot share.
pub(crate) struct Needs<'a> {
    /// Their objects as they were last described, by connection.
    pub(crate) schemas: &'a [(String, RemoteObject)],
    /// What is documented of a remote object at a connection.
    pub(crate) documented: &'a dyn Fn(&str, &str) -> Option<&'static Capabilities>,
}

impl Catalog {
    /// The same, knowing what the platforms, as they were last described, refuse a new row without, what they never take away again, and what
    /// they let one row alone hold.
    #[must_use]
    pub(crate) fn requiring(mut self, needs: &Needs<'_>) -> Self {
        for (connection, remote) in needs.schemas {
            let mapped = self.by_connection.get_mut(connection).into_iter().flatten().filter(|mapped| mapped.saved.remote == remote.name);
            for mapped in mapped.map(Arc::make_mut) {
                let needed = remote.fields.iter().filter(|field| field.required && field.writable && field.name != mapped.saved.key);
                mapped.required = needed.map(|field| field.name.clone()).collect();
            }
        }
        for (connection, all) in &mut self.by_connection {
            for mapped in all.iter_mut().map(Arc::make_mut) {
                let documented = (needs.documented)(connection, &mapped.saved.remote);
                let lasting = documented.map_or(&[][..], |known| known.never_blank);
                let schema = needs.schemas.iter().find(|(of, remote)| of == connection && remote.name == mapped.saved.remote);
                let object = self.objects.get(&mapped.saved.object);
                // False is a value of a list of two, and a formula may make something of nothing.
                let is_flag =
                    |field: &str| object.and_then(|object| object.field(field)).is_some_and(|field| field.kind == FieldType::Boolean);
                let stays = |remote: &String| lasting.contains(&remote.as_str()) || mapped.required.contains(remote);
                let unique = |remote: &str| {
                    let known = documented.and_then(|known| known.unique.iter().find(|unique| unique.field == remote));
                    let described = || schema.and_then(|(_, object)| object.field(remote)).filter(|field| field.unique).map(|_| None);
                    known.map(|known| known.asked).or_else(described)
                };
                let lines = mapped.lens.mapping().fields.iter().filter(|line| line.direction != Direction::In && line.put.is_none());
                let (mut never_blank, mut one_row_s) = (BTreeSet::new(), BTreeMap::new());
                for line in lines {
                    if stays(&line.remote) && !is_flag(&line.field) {
                        never_blank.insert(line.field.clone());
                    }
                    if let Some(asked) = unique(&line.remote) {
                        one_row_s.insert(line.field.clone(), asked);
                    }
                }
                (mapped.never_blank, mapped.unique) = (never_blank, one_row_s);
                let says_whose = |remote: &str| schema.and_then(|(_, object)| object.field(remote)).is_some_and(|field| field.of_owner);
                let shown = mapped.lens.mapping().fields.iter().filter(|line| mapped.lens.inputs(&line.field).any(says_whose));
                mapped.of_owner = shown.map(|line| line.field.clone()).collect();
            }
        }
        self
    }
}
