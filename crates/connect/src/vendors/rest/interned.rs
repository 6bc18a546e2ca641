//! Texts of descriptions where the contract wants texts that live for ever. Each text is kept once, so that they are as many as the
//! descriptions have, however often those are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::spec::Spec;

static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
static SCOPES: Mutex<Vec<&'static [Parameter]>> = Mutex::new(Vec::new());
static SPECS: Mutex<BTreeMap<String, &'static Spec>> = Mutex::new(BTreeMap::new());

/// A parameter of a token endpoint: grant, name, value.
type Parameter = (&'static str, &'static str, &'static str);

/// The parameter that asks for a scope, for ever.
pub(crate) fn interned_scope(scope: &str) -> &'static [Parameter] {
    let parameter: Parameter = ("client_credentials", "scope", interned(scope));
    let mut scopes = SCOPES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = scopes.iter().find(|known| known.contains(&parameter)) {
        return known;
    }
    let kept: &'static [Parameter] = Vec::leak(vec![parameter]);
    scopes.push(kept);
    kept
}

/// The same text, for ever.
pub(crate) fn interned(text: &str) -> &'static str {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(kept);
    kept
}

/// The facts of a description, made once for each and kept for ever.
pub(crate) fn interned_spec(description: String, make: impl FnOnce() -> Spec) -> &'static Spec {
    let mut specs = SPECS.lock().unwrap_or_else(PoisonError::into_inner);
    specs.entry(description).or_insert_with(|| Box::leak(Box::new(make())))
}
