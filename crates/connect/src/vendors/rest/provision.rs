//! Creating custom fields. Everything here may be repeated: what exists is left as it is.

use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::Value;

use super::Rest;
use super::ask::{Gaps, filled, path};
use super::description::fields::{CreateField, CustomFields, CustomKind, Kind};
use super::description::object::ObjectPart;
use super::known::{Known, OURS};
use super::refusal::{misfit, of_no_row};
use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

/// `entente_plan_price` → `Entente plan price`: the name that people see, and by which the field is found again.
fn title(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The name of a type as descriptions have it. Lists that are open to other values are texts: most platforms refuse what is not in a list.
fn kind_word(field: &RemoteField) -> String {
    use RemoteKind::{MultiPicklist, Picklist};
    let listed = field.restricted && !field.values.is_empty();
    match field.kind {
        Picklist if !listed => "text".to_owned(),
        MultiPicklist if !listed => "long_text".to_owned(),
        kind => serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
    }
}

impl Rest {
    /// See [`Connector::create_field`](crate::connector::Connector::create_field).
    pub(super) async fn make_field(&self, new: &NewField) -> Result<(), VendorError> {
        let part = self.object(&new.object)?;
        let field = &new.field;
        self.forget(&new.object).await;
        let fields = self.fields(&new.object, &[], Priority::Urgent).await?;
        match fields.named(&new.object, &field.name) {
            Ok(known) => return self.extend(&new.object, part, known, field).await,
            Err(error) if error.code == "ambiguous_field" => return Err(error),
            Err(_) => {}
        }
        let custom = part.custom_fields.as_ref();
        let Some((custom, create)) = custom.and_then(|custom| Some((custom, custom.create.as_ref()?))) else {
            return Err(misfit(
                "by_hand",
                format!("the description does not say how a field `{}` is made", field.name),
                "make the field at the platform by hand, or describe `custom_fields.create`",
            )
            .about(&field.name));
        };
        if !field.name.starts_with(OURS) {
            return Err(misfit(
                "field_name",
                format!("there is no field `{}`, and Entente makes only its own", field.name),
                "name the field entente_NAME, or make it at the platform and map it by its code",
            )
            .about(&field.name));
        }
        let word = kind_word(field);
        let ty = create.types.get(&word).or_else(|| create.types.get("text")).cloned().unwrap_or(word.clone());
        let gaps = Gaps::from([("name", title(&field.name)), ("type", ty)]);
        let mut body = filled(&Value::Object(create.body.clone()), &gaps);
        let flags = custom.options.as_ref().and_then(|options| options.boolean.clone());
        let labels: Vec<String> = match (word.as_str(), flags) {
            ("picklist" | "multi_picklist", _) => field.values.clone(),
            ("boolean", Some((yes, no))) => vec![yes, no],
            _ => Vec::new(),
        };
        if let Some(options) = create.options.as_ref().filter(|_| !labels.is_empty()) {
            let listed = labels.into_iter().map(|label| filled(&options.each, &Gaps::from([("label", label)])));
            body[&options.at] = listed.collect();
        }
        let call = Call::post(path(&create.path, &Gaps::new()), body);
        self.ask("fields", Priority::Urgent, call).await.map_err(of_no_row)?;
        self.forget(&new.object).await;
        Ok(())
    }

    /// Adds the choices that an existing field lacks, after a look at whether it will do at all.
    async fn extend(&self, object: &str, part: &ObjectPart, known: &Known, field: &RemoteField) -> Result<(), VendorError> {
        let create = part.custom_fields.as_ref().and_then(|custom| Some((custom, custom.create.as_ref()?)));
        let (Some(code), Some((custom, create))) = (&known.code, create) else { return Ok(()) };
        if !fits(custom, create, known.field.kind.remote(), field) {
            return Err(misfit(
                "field_type",
                format!("there is a field `{}` already, of another type than is needed", field.name),
                "rename or delete the field at the platform so that Entente can make it, or map another one",
            )
            .about(&field.name));
        }
        let listed = matches!(known.field.kind, Kind::Picklist | Kind::MultiPicklist);
        let lacking: Vec<&String> = field.values.iter().filter(|label| listed && known.choice(label).is_none()).collect();
        let Some(add) = create.add_options.as_ref().filter(|_| !lacking.is_empty()) else { return Ok(()) };
        let each = lacking.into_iter().map(|label| filled(&add.each, &Gaps::from([("label", label.clone())])));
        let choices: Value = each.collect();
        let body = match &add.at {
            Some(at) => serde_json::json!({ at.as_str(): choices }),
            None => choices,
        };
        let call = Call::post(path(&add.path, &Gaps::from([("code", code.clone())])), body);
        self.ask("fields", Priority::Urgent, call).await.map_err(of_no_row)?;
        self.forget(object).await;
        Ok(())
    }
}

/// Whether an existing field does for the wanted one: it is of its type, or of the one that it would be made as.
fn fits(custom: &CustomFields, create: &CreateField, found: RemoteKind, wanted: &RemoteField) -> bool {
    use RemoteKind::{Email, LongText, Phone, Picklist, Text, Url};
    let texts = [Text, LongText, Email, Phone, Url];
    let as_made = create.types.get(&kind_word(wanted)).and_then(|ty| custom.types.get(ty)).map(|kind| match kind {
        CustomKind::Plain(kind) | CustomKind::Part { kind, .. } => kind.remote(),
    });
    found == wanted.kind
        || as_made.is_some_and(|made| made == found && found != Picklist)
        || (texts.contains(&found) && (texts.contains(&wanted.kind) || as_made.is_some_and(|made| texts.contains(&made))))
        || (found == Picklist && texts.contains(&wanted.kind))
}
