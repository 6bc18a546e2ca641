//! Objects of one's own: what a file declares beside the objects that Entente ships.

use entente_model::object::Object;

use super::format::ObjectFile;
use crate::catalog::Catalog;

/// The object that a file is about, with the fields that it has already; else what is wrong and what to do.
pub(super) fn of(catalog: &Catalog, file: &ObjectFile) -> Result<Object, (String, String)> {
    let key = file.object.as_str();
    let declares = file.label.is_some() || file.prefix.is_some() || !file.title.is_empty();
    match catalog.object(key) {
        Some(known) if !known.custom && declares => Err((
            format!("`{key}` is an object that Entente ships"),
            "take `label`, `prefix` and `title` out: only fields can be added to it".to_owned(),
        )),
        Some(known) if file.prefix.as_ref().is_some_and(|prefix| *prefix != known.prefix) => Err((
            format!("the ids of `{key}` begin with `{}`, and ids never change", known.prefix),
            format!("set `prefix: {}`", known.prefix),
        )),
        Some(known) => {
            let mut object = known.clone();
            if let Some(label) = &file.label {
                object.label.clone_from(label);
            }
            if !file.title.is_empty() {
                object.title.clone_from(&file.title);
            }
            Ok(object)
        }
        None => declared(catalog, file),
    }
}

fn declared(catalog: &Catalog, file: &ObjectFile) -> Result<Object, (String, String)> {
    let key = file.object.as_str();
    let (Some(label), Some(prefix)) = (&file.label, &file.prefix) else {
        let objects = catalog.objects().map(|object| object.key.as_str()).collect::<Vec<_>>().join(", ");
        return Err((
            format!("there is no object `{key}`"),
            format!("use one of: {objects}; or declare it with `label`, `prefix` and `title`"),
        ));
    };
    let plain = key.starts_with(|letter: char| letter.is_ascii_lowercase())
        && key.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if !plain {
        return Err((format!("`{key}` is no name of an object"), "use small letters, digits and underscores".to_owned()));
    }
    if !(2..=4).contains(&prefix.len()) || !prefix.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Err((format!("ids cannot begin with `{prefix}`"), "use two to four small letters".to_owned()));
    }
    if let Some(other) = catalog.objects().find(|object| object.prefix == *prefix) {
        return Err((format!("the ids of `{}` begin with `{prefix}`", other.key), "choose another prefix".to_owned()));
    }
    if file.title.is_empty() {
        return Err((format!("nothing names the records of `{key}`"), "name one of its fields in `title`".to_owned()));
    }
    Ok(Object {
        key: key.to_owned(),
        label: label.clone(),
        prefix: prefix.clone(),
        custom: true,
        title: file.title.clone(),
        fields: Vec::new(),
    })
}
