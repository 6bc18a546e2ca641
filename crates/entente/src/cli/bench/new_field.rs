//! How long a custom field takes that an admin has just made: from both platforms' metadata to the last of its values.

use std::time::{Duration, Instant};

use entente_engine::files::{self, FileText};
use entente_engine::schema;
use entente_store::Viewer;
use serde_json::json;

use super::super::demo::quiet;
use super::super::demo::scenario::platforms::Desk;
use super::super::demo::sims::Speed;
use super::super::status_text::number;
use super::Setting;
use super::measures::Stage;
use super::table::Row;
use crate::fault::{Fault, Result};

/// The field's name, here and at the desk.
const FIELD: &str = "full_name";

/// What the CRM has for it in every row: a column that nothing is mapped to.
const COLUMN: &str = "Name";

/// The file of the field itself.
const OBJECT: &str = "object: contact\nfields:\n- key: full_name\n  label: Full name\n  type: text\n  custom: true\n";

/// Time between two looks at whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Longest wait for the values.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The files in force with the field, and with a line for it in both mappings.
fn with_field(mut files: Vec<FileText>) -> Result<Vec<FileText>> {
    let lines = [
        ("mappings/salesforce/contact.yaml", COLUMN.to_owned(), "  direction: in\n"),
        ("mappings/zendesk/contact.yaml", format!("user_fields.{FIELD}"), ""),
    ];
    for (path, remote, direction) in lines {
        let file = files.iter_mut().find(|file| file.path == path);
        let file = file.ok_or_else(|| Fault::new(format!("there is no file {path}"), "report this; it is a defect"))?;
        file.text.push_str(&format!("- field: {FIELD}\n  remote: {remote}\n  owner: crm\n{direction}"));
    }
    match files.iter_mut().find(|file| file.path == "objects/contact.yaml") {
        Some(file) => file.text.push_str(OBJECT.split_once("fields:\n").map_or("", |(_, lines)| lines)),
        None => files.push(FileText { path: "objects/contact.yaml".to_owned(), text: OBJECT.to_owned() }),
    }
    Ok(files)
}

pub async fn new_field(setting: Setting) -> Result<Vec<Row>> {
    let stage = Stage::set(Speed::Real, setting.customers, setting.seed, Duration::from_secs(3)).await?;
    let (engine, sims) = (&stage.hub.engine, &stage.sims);
    let desk = Desk::new(&sims.zendesk)?;
    desk.add_field("user", json!({ "key": FIELD, "type": "text", "title": "Full name" })).await?;
    let before = sims.control.calls().await?;
    let began = Instant::now();
    schema::check(engine, Some("zendesk")).await?;
    let files = with_field(files::export(engine).await?)?;
    let plan = files::plan(engine, &files).await?;
    if let Some(fault) = plan.faults.first() {
        return Err(Fault::new(format!("the files are refused: {fault}"), "report this; it is a defect"));
    }
    files::apply(engine, &Viewer::system(), &files, &plan.digest, "bench", false).await?;
    let planned = began.elapsed();
    let holding =
        async || Ok::<_, Fault>(desk.users(|user| user["user_fields"][FIELD].as_str().is_some_and(|text| !text.is_empty())).await?.len());
    let customers = sims.control.agreement().await?.customers;
    let took = loop {
        // Rows are counted once nothing is on its way: that is a look at every user.
        let seen = began.elapsed();
        if quiet::is_quiet(&stage.hub, sims).await? && holding().await? >= customers {
            break seen;
        }
        if began.elapsed() > PATIENCE {
            let many = holding().await?;
            return Err(Fault::new(
                format!("after {} s only {many} of {customers} users have the field", PATIENCE.as_secs()),
                "report this; it is a defect",
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let calls = sims.control.calls().await?.since(before);
    let agreement = sims.control.agreement().await?;
    let row = Row {
        measure: format!("A new custom field of {} customers, from the metadata to the last value", number(customers as u64)),
        now: "not published".to_owned(),
        to_reach: "≤ 5 minutes; its column alone is read".to_owned(),
        measured: format!(
            "{:.0} s, {:.1} s of them until the mapping was judged and saved; {} + {} calls; {} in agreement",
            took.as_secs_f64(),
            planned.as_secs_f64(),
            number(calls.salesforce),
            number(calls.zendesk),
            number(agreement.in_agreement as u64)
        ),
        numbers: json!({
            "ms": took.as_millis(), "judged_ms": planned.as_millis(), "calls": calls, "customers": customers,
            "in_agreement": agreement.in_agreement, "twins": agreement.twins,
        }),
        explained: None,
    };
    stage.end().await?;
    Ok(vec![row])
}
