//! What a platform makes of our values, as a patch to the mapping: a form that it brings them into (trimmed, in lower case, cut off), or
//! other names for the values of a list.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::formula::{Formula, Fuel, RecordEnv};
use entente_model::mapping::FieldMap;
use entente_model::mapping::patch::{LinePatch, Patch};
use entente_model::object::FieldType;
use entente_model::value::{Fields, Value};
use entente_store::{NewSchemaChange, Rewrite, SchemaChange, SchemaFilter, SchemaState, StoreError, Tx, Viewer};
use jiff::tz::TimeZone;

use super::detail::{Detail, Hit, ObjectPatch};
use crate::catalog::Catalog;
use crate::sync::rewrite::STOP_AT;

/// Kind of the change in the journal.
pub(super) const REWRITTEN: &str = "rewritten";

/// Rewritten values looked at: enough to tell forms apart, few enough for one look.
const PAIRS: usize = 100;

/// Other names that a patch gives at most: beyond, it is no list.
const ALIASES_MAX: usize = 50;

/// Records that must share a pair before a text that is no list gets other names: one person's value is nobody's name for anything.
const ALIAS_RECORDS: usize = 2;

/// Forms that platforms bring texts into, the field in the place of `{}`: Zendesk trims and collapses white space, HubSpot writes addresses in
/// lower case, Salesforce and Zendesk cut off, Pipedrive leaves the digits of phone numbers.
const FORMS: &[(&str, &str)] = &[
    ("TRIM({})", "white space is trimmed"),
    ("LOWER({})", "it is written in lower case"),
    ("UPPER({})", "it is written in upper case"),
    ("LOWER(TRIM({}))", "white space is trimmed, and it is written in lower case"),
    ("PROPER({})", "each word gets a capital"),
    (
        "SUBSTITUTE(SUBSTITUTE(SUBSTITUTE(SUBSTITUTE(SUBSTITUTE({}, \" \", \"\"), \"-\", \"\"), \"(\", \"\"), \")\", \"\"), \".\", \"\")",
        "signs between its parts are taken out",
    ),
    ("SUBSTITUTE({}, \"+\", \"\")", "the plus is taken out"),
];

/// Writes what a platform makes of a field's values into the journal, with the patch that has the mapping take the two for one; or brings what
/// stands there up to date.
pub(crate) fn propose_equivalence(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    connection: &str,
    object: &str,
    field: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mapped) = catalog.mapped(connection, object) else { return Ok(()) };
    let Some(line) = mapped.saved.fields.iter().find(|line| line.field == field) else { return Ok(()) };
    let pairs = tx.rewrites_at(connection, object, field, STOP_AT, PAIRS)?;
    let kind = catalog.object(object).and_then(|object| object.field(field)).map(|field| &field.kind);
    let found = patched(line, &pairs, kind);
    let (after, evidence) = match found {
        Some((after, evidence)) => (Some(after), evidence),
        None => (None, "no one form and no list of names explains what it makes of our values".to_owned()),
    };
    let patches = after.map(|after| ObjectPatch {
        object: object.to_owned(),
        patch: Patch { lines: vec![LinePatch { before: Some(line.clone()), after }] },
    });
    let detail = Detail {
        hits: vec![Hit { object: object.to_owned(), fields: vec![field.to_owned()], whole: false }],
        evidence: Some(evidence),
        patches: patches.into_iter().collect(),
        ..Detail::default()
    };
    let remote = &mapped.saved.remote;
    if let Some(known) = noted(tx, connection, remote, &line.remote)? {
        return tx.put_schema_detail(known.id, None, &detail.to_json()?);
    }
    let change = NewSchemaChange {
        at: now,
        connection: connection.to_owned(),
        remote_object: remote.clone(),
        field: line.remote.clone(),
        kind: REWRITTEN.to_owned(),
        state: SchemaState::Noted,
        detail: detail.to_json()?,
    };
    let id = tx.note_schema_change(&change)?;
    tracing::warn!(change = id, connection, object, field, "a platform rewrites what it is given; the field is left as it shows it");
    Ok(())
}

fn noted(tx: &mut Tx<'_>, connection: &str, remote: &str, field: &str) -> Result<Option<SchemaChange>, StoreError> {
    let filter = SchemaFilter { state: Some(SchemaState::Noted), connection: Some(connection.to_owned()), before: None };
    let known = tx.schema_changes(&Viewer::system(), &filter, entente_store::PAGE_ROWS_MAX)?;
    Ok(known
        .into_iter()
        .find(|known| known.change.kind == REWRITTEN && known.change.remote_object == remote && known.change.field == field))
}

/// The line that takes our values and what the platform makes of them for one, and how that is known.
fn patched(line: &FieldMap, pairs: &[Rewrite], kind: Option<&FieldType>) -> Option<(FieldMap, String)> {
    let texts: Vec<(&str, &str)> = pairs.iter().filter_map(|pair| Some((pair.written.as_text()?, pair.shown.as_text()?))).collect();
    if texts.is_empty() || texts.len() < pairs.len() {
        return None;
    }
    let many = texts.len();
    let shared = FORMS.iter().map(|(form, words)| ((*form).to_owned(), (*words).to_owned())).chain(cut_off(&texts));
    for (form, words) in shared {
        if texts.iter().all(|(written, shown)| made_by(&form, written).as_deref() == Some(*shown)) {
            return Some((in_form(line, &form), format!("{words}, in {many} of {many} values")));
        }
    }
    let names = aliases(&texts, kind)?;
    let mut line = line.clone();
    line.values.retain(|(theirs, _)| !names.contains_key(theirs));
    line.values.extend(names.iter().map(|(theirs, ours)| (theirs.clone(), ours.clone())));
    Some((line, format!("{} values of a list have another name there", names.len())))
}

/// The form that cuts texts off, where all of them are cut at one length.
fn cut_off(texts: &[(&str, &str)]) -> Option<(String, String)> {
    let length = texts.first()?.1.chars().count();
    let cut = texts.iter().all(|(written, shown)| shown.chars().count() == length && written.chars().count() > length);
    cut.then(|| (format!("LEFT({{}}, {length})"), format!("it is cut off after {length} characters")))
}

/// What a form makes of a text.
fn made_by(form: &str, text: &str) -> Option<String> {
    let formula = Formula::parse(&form.replace("{}", "given")).ok()?;
    let fields = Fields::from([("given".to_owned(), Value::text(text))]);
    let env = RecordEnv { fields: &fields, prior: &fields, now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
    formula.eval(&env, &mut Fuel::default()).ok()?.as_text().map(str::to_owned)
}

/// The line that writes in a form, and reads what has that form of our present value as our present value.
fn in_form(line: &FieldMap, form: &str) -> FieldMap {
    let ours = line.put.clone().unwrap_or_else(|| line.field.clone());
    let theirs = line.get.clone().unwrap_or_else(|| line.remote.clone());
    let prior = format!("PRIORVALUE({})", line.field);
    FieldMap {
        get: Some(format!("IF({} = {theirs}, {prior}, {theirs})", form.replace("{}", &prior))),
        put: Some(form.replace("{}", &ours)),
        ..line.clone()
    }
}

/// Other names of values, the platform's to ours: each of ours has one there, and each there is one of ours.
fn aliases(texts: &[(&str, &str)], kind: Option<&FieldType>) -> Option<BTreeMap<String, String>> {
    let is_list = matches!(kind, Some(FieldType::Picklist { .. }));
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut records: BTreeMap<&str, usize> = BTreeMap::new();
    for (written, shown) in texts {
        *records.entry(written).or_default() += 1;
        let known = names.entry((*shown).to_owned()).or_insert_with(|| (*written).to_owned());
        if known != written {
            return None;
        }
    }
    let ours: BTreeSet<&String> = names.values().collect();
    let fits = ours.len() == names.len() && names.len() <= ALIASES_MAX;
    (fits && (is_list || records.values().all(|many| *many >= ALIAS_RECORDS))).then_some(names)
}

#[cfg(test)]
mod tests {
    use entente_model::mapping::{Direction, Owner};

    use super::*;

    fn line() -> FieldMap {
        FieldMap {
            field: "plan".to_owned(),
            remote: "organization_fields.plan".to_owned(),
            get: None,
            put: None,
            values: Vec::new(),
            currency: None,
            direction: Direction::Both,
            owner: Owner::Crm,
            required: false,
            conflicts: None,
            archived: false,
        }
    }

    fn pairs(texts: &[(&str, &str)]) -> Vec<Rewrite> {
        let pair = |(written, shown): &(&str, &str)| Rewrite {
            record: "acc_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            connection: "zendesk".to_owned(),
            object: "account".to_owned(),
            field: "plan".to_owned(),
            written: Value::text(*written),
            shown: Value::text(*shown),
            times: 2,
        };
        texts.iter().map(pair).collect()
    }

    #[test]
    fn a_form_that_explains_every_value_is_written_and_read() {
        let (after, _) = patched(&line(), &pairs(&[("Pro  Annual", "Pro Annual"), ("Max   Plan", "Max Plan")]), None).unwrap();
        assert_eq!(after.put.as_deref(), Some("TRIM(plan)"));
        assert_eq!(
            after.get.as_deref(),
            Some("IF(TRIM(PRIORVALUE(plan)) = organization_fields.plan, PRIORVALUE(plan), organization_fields.plan)")
        );
        let (after, how) = patched(&line(), &pairs(&[("Platinum plus", "Platin"), ("Enterprise", "Enterp")]), None).unwrap();
        assert_eq!((after.put.as_deref(), how.as_str()), (Some("LEFT(plan, 6)"), "it is cut off after 6 characters, in 2 of 2 values"));
    }

    #[test]
    fn values_of_a_list_get_their_other_names_and_one_person_s_text_does_not() {
        let list = FieldType::Picklist { values: Vec::new() };
        let (after, _) = patched(&line(), &pairs(&[("Gold", "tier_1"), ("Silver", "tier_2")]), Some(&list)).unwrap();
        assert_eq!(after.values, [("tier_1".to_owned(), "Gold".to_owned()), ("tier_2".to_owned(), "Silver".to_owned())]);
        assert_eq!(patched(&line(), &pairs(&[("Ada", "Augusta")]), Some(&FieldType::Text)), None);
        assert_eq!(patched(&line(), &pairs(&[("Gold", "tier_1"), ("Silver", "tier_1")]), Some(&list)), None, "two of ours are one there");
    }
}
