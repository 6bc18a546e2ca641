//! Words that people and programs narrow a question with. One that stands for nothing is refused by name: taken for a condition that nothing
//! meets, it would read as "there is none".

use std::collections::BTreeSet;

use entente_model::object::{Field, Object};
use entente_model::spelling::nearest;
use entente_model::value::FieldKey;

use crate::catalog::Catalog;
use crate::error::{EngineError, Result};

/// Fields that are listed at most for somebody who named none of them.
const LISTED: usize = 60;

/// What to do about a word that is none of those there are: the one that was probably meant, and all of them.
pub(crate) fn remedy<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return "there is none".to_owned();
    }
    let all = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? There are: {all}"),
        None => format!("there are: {all}"),
    }
}

/// Refuses a word that is none of those there are. `input` is the name of what it was given in, `what` the kind of thing it should be.
pub(crate) fn one_of<'a>(input: &str, what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let known: Vec<&str> = known.into_iter().collect();
    if known.contains(&word) {
        return Ok(());
    }
    let (reason, remedy) = (format!("`{word}` is no {what}"), remedy(word, known));
    Err(EngineError::Invalid { field: input.to_owned(), reason, remedy })
}

/// Whether two names are the same to a person: letter case, spaces, hyphens and underscores are no difference.
fn alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim().to_lowercase().replace(['_', '-'], " ");
    plain(one) == plain(other)
}

/// The fields of an object that a word names: the one with that key, else those that people call so.
fn named<'a>(object: &'a Object, word: &str) -> Vec<&'a Field> {
    match object.field(word) {
        Some(field) => vec![field],
        None => object.fields.iter().filter(|field| alike(&field.key, word) || alike(&field.label, word)).collect(),
    }
}

/// Why a word names no field of these objects, with the fields there are.
fn no_field(input: &str, objects: &[&Object], word: &str) -> EngineError {
    let keys: BTreeSet<&str> = objects.iter().flat_map(|object| object.fields.iter().map(|field| field.key.as_str())).collect();
    let labels = objects.iter().flat_map(|object| object.fields.iter().map(|field| (field.label.as_str(), field.key.as_str())));
    let near = nearest(word, keys.iter().copied()).or_else(|| {
        let labels: Vec<(&str, &str)> = labels.collect();
        let near = nearest(word, labels.iter().map(|(label, _)| *label))?;
        labels.iter().find(|(label, _)| *label == near).map(|(_, key)| *key)
    });
    let mut all = keys.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if keys.len() > LISTED {
        all.push_str(&format!(" and {} more", keys.len() - LISTED));
    }
    let of = if let [one] = objects { format!(" of {}", one.key) } else { String::new() };
    let remedy = near.map_or_else(|| format!("there are: {all}"), |near| format!("did you mean `{near}`? There are: {all}"));
    EngineError::Invalid { field: input.to_owned(), reason: format!("`{word}` is no field{of}"), remedy }
}

/// The field of an object that a word names, by its key or by what people call it.
pub(crate) fn field(catalog: &Catalog, object: &str, input: &str, word: &str) -> Result<FieldKey> {
    let Some(object) = catalog.object(object) else { return Ok(word.to_owned()) };
    match named(object, word).as_slice() {
        [one] => Ok(one.key.clone()),
        [] => Err(no_field(input, &[object], word)),
        several => {
            let keys = several.iter().map(|field| field.key.as_str()).collect::<Vec<_>>().join(", ");
            let reason = format!("several fields of {} are called `{word}`", object.key);
            Err(EngineError::Invalid { field: input.to_owned(), reason, remedy: format!("name the one that is meant: {keys}") })
        }
    }
}

/// The fields that words name in any of these objects.
pub(crate) fn fields(objects: &[&Object], input: &str, words: &[String]) -> Result<BTreeSet<FieldKey>> {
    let mut keys = BTreeSet::new();
    for word in words {
        let found: Vec<&Field> = objects.iter().flat_map(|object| named(object, word)).collect();
        if found.is_empty() {
            return Err(no_field(input, objects, word));
        }
        keys.extend(found.into_iter().map(|field| field.key.clone()));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::shipped_objects;

    #[test]
    fn a_word_that_is_none_is_named_with_the_nearest_and_all_there_are() {
        assert!(one_of("class", "class of error", "data", ["data", "retry"]).is_ok());
        let told = one_of("class", "class of error", "datta", ["data", "retry"]).unwrap_err().to_string();
        assert_eq!(told, "class: `datta` is no class of error; did you mean `data`? There are: data, retry");
        let told = one_of("class", "class of error", "unicorn", ["data", "retry"]).unwrap_err().to_string();
        assert_eq!(told, "class: `unicorn` is no class of error; there are: data, retry");
    }

    #[test]
    fn a_field_goes_by_its_key_or_by_what_people_call_it() {
        let objects = shipped_objects().unwrap();
        let contact = objects.iter().find(|object| object.key == "contact").unwrap();
        let of = |word: &str| fields(&[contact], "fields", &[word.to_owned()]);
        for word in ["last_name", "Last name", "last NAME", "last-name"] {
            assert_eq!(of(word).unwrap(), BTreeSet::from(["last_name".to_owned()]), "{word}");
        }
        let told = of("lastname").unwrap_err().to_string();
        assert!(told.starts_with("fields: `lastname` is no field of contact; did you mean `last_name`? There are: "), "{told}");
        let everywhere: Vec<&Object> = objects.iter().collect();
        assert!(
            fields(&everywhere, "fields", &["colour".to_owned()]).unwrap_err().to_string().starts_with("fields: `colour` is no field;")
        );
    }
}
