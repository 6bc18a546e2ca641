//! Places: the remote objects that a reconciliation reads.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use entente_model::mapping::Role;
use serde::{Deserialize, Serialize};

use super::certificate::Outside;
use super::fingerprint::Leaf;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::no_object;

/// What to reconcile; with nothing given, everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// One of our objects, at every connection.
    pub object: Option<String>,
    /// One connection.
    pub connection: Option<String>,
}

impl Scope {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.object, &self.connection) {
            (None, None) => "everything".to_owned(),
            (Some(object), None) => format!("every {object}"),
            (None, Some(connection)) => format!("everything at {connection}"),
            (Some(object), Some(connection)) => format!("every {object} at {connection}"),
        }
    }

    /// Whether records of an object are asked for.
    pub(crate) fn wants(&self, object: &str) -> bool {
        self.object.as_ref().is_none_or(|wanted| wanted == object)
    }

    /// Whether a connection is asked for.
    pub(crate) fn covers(&self, connection: &str) -> bool {
        self.connection.as_ref().is_none_or(|wanted| wanted == connection)
    }

    /// # Errors
    /// When the object or the connection does not exist.
    pub(crate) fn check(&self, engine: &Engine) -> Result<()> {
        if let Some(object) = &self.object
            && engine.catalog().object(object).is_none()
        {
            return Err(no_object(&engine.catalog(), object));
        }
        if let Some(connection) = &self.connection {
            engine.connection(connection)?;
        }
        if places(engine, self).is_empty() {
            return Err(EngineError::Invalid {
                field: "scope".to_owned(),
                reason: format!("no connection has a mapping for {}", self.words()),
                remedy: "configure a connection, or name an object that is mapped there".to_owned(),
            });
        }
        Ok(())
    }
}

/// One remote object at one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Connection.
    pub(crate) connection: String,
    /// The part that the connection plays.
    pub(crate) role: Role,
    /// The platform's name of the object.
    pub(crate) object: String,
    /// Fields to read of each row.
    pub(crate) fields: Vec<String>,
    /// Of those, the fields that the certificate vouches for, sorted.
    pub(crate) vouched: Vec<String>,
    /// The others, each with why.
    pub(crate) outside: BTreeMap<String, Outside>,
    /// Only records of these objects of ours.
    pub(crate) scope: Scope,
    /// When a certificate is checked, its rows: of others, it is kept when and by whom they were changed last.
    pub(crate) certified: Option<Arc<HashSet<Leaf>>>,
}

/// The places of a scope: by connection, in the order of a first read.
pub(crate) fn places(engine: &Engine, scope: &Scope) -> Vec<Arc<Place>> {
    let catalog = engine.catalog();
    let mut places = Vec::new();
    for (name, connection) in engine.connections().iter().filter(|(name, _)| scope.covers(name)) {
        for (object, fields) in catalog.reads(name) {
            if mapped_there(&catalog, name, &object).any(|ours| scope.wants(ours)) {
                let keys: Vec<&str> = keys(&catalog, name, &object);
                let known = connection.connector.spec().capabilities(&object);
                let (mut vouched, mut outside) = (Vec::new(), BTreeMap::new());
                for field in &fields {
                    if keys.contains(&field.as_str()) {
                        outside.insert(field.clone(), Outside::OwnId);
                    } else if known.is_some_and(|known| !known.of_field(field, false).reconciliation) {
                        outside.insert(field.clone(), Outside::NeverShown);
                    } else {
                        vouched.push(field.clone());
                    }
                }
                vouched.sort();
                places.push(Arc::new(Place {
                    connection: name.clone(),
                    role: connection.role,
                    object,
                    fields,
                    vouched,
                    outside,
                    scope: scope.clone(),
                    certified: None,
                }));
            }
        }
    }
    places
}

/// Our objects that a remote object is mapped to.
pub(crate) fn mapped_there<'a>(catalog: &'a Catalog, connection: &str, remote: &'a str) -> impl Iterator<Item = &'a str> {
    catalog
        .mappings(connection)
        .iter()
        .filter(move |mapped| mapped.mapping().remote == remote)
        .map(|mapped| mapped.mapping().object.as_str())
}

fn keys<'a>(catalog: &'a Catalog, connection: &str, remote: &str) -> Vec<&'a str> {
    catalog.mappings(connection).iter().filter(|mapped| mapped.mapping().remote == remote).map(|mapped| mapped.lens.key()).collect()
}
