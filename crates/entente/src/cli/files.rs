//! Mappings, custom fields and adopted rules as files: `entente export`, `entente plan -f`, `entente apply`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::files::{self, AppliedFiles, FileOf, FilePlan, FileStep, FileText};

use super::context::Context;
use super::output::looked_at_again;
use super::{FAILED, WOULD_WRITE};
use crate::fault::{Fault, Result};

/// Bytes of one file at most: a mapping of a thousand lines is a tenth of it.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// Options of `entente export`.
#[derive(Debug, ClapArgs)]
pub struct ExportArgs {
    /// Folder to write to; it is made if it is not there, and files of ours in it are replaced
    folder: PathBuf,
}

/// Options of `entente apply`.
#[derive(Debug, ClapArgs)]
pub struct ApplyArgs {
    /// Folder of files, as `entente export` writes them
    #[arg(short = 'f', long = "files", value_name = "DIR")]
    folder: PathBuf,
    /// Digest of the plan that `entente plan -f` printed
    #[arg(long)]
    digest: String,
    /// Why, for whoever looks at the versions later
    #[arg(long, default_value = "")]
    note: String,
    /// Apply them although lines lose something on the way there and back
    #[arg(long)]
    accept_loss: bool,
}

pub async fn export(args: ExportArgs, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let files = files::export(&engine).await?;
    for file in &files {
        let path = args.folder.join(&file.path);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &file.text));
        written.map_err(|error| {
            Fault::new(format!("{} cannot be written: {error}", path.display()), "name a folder that this user can write to")
        })?;
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    context.output.show(&serde_json::json!({ "folder": args.folder, "files": paths }), |_| {
        format!("{} files written to {}.", paths.len(), args.folder.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn plan(folder: &Path, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let files = read(folder)?;
    let spinner = context.output.spinner("planning");
    let plan = files::plan(&engine, &files).await;
    spinner.finish_and_clear();
    let plan = plan?;
    context.output.show(&plan, |plan| text(plan, folder))?;
    Ok(if !plan.faults.is_empty() {
        ExitCode::from(FAILED)
    } else if plan.steps.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WOULD_WRITE)
    })
}

pub async fn apply(args: ApplyArgs, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let files = read(&args.folder)?;
    let spinner = context.output.spinner("applying");
    let applied = files::apply(&engine, &context.viewer(), &files, &args.digest, &args.note, args.accept_loss).await;
    spinner.finish_and_clear();
    context.output.show(&applied?, applied_text)?;
    Ok(ExitCode::SUCCESS)
}

/// Every file of a folder, by its path within it.
fn read(folder: &Path) -> Result<Vec<FileText>> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Fault::new(format!("{} cannot be read: {error}", path.display()), "name a folder that `entente export` wrote")
    };
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).map_err(|error| unreadable(&next, &error))? {
            let path = entry.map_err(|error| unreadable(&next, &error))?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !is_hidden {
                folders.push(path);
                continue;
            }
            let is_ours = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
            if is_hidden || !is_ours {
                continue;
            }
            if path.metadata().map_err(|error| unreadable(&path, &error))?.len() > FILE_MAX {
                return Err(unreadable(&path, &format!("it is larger than {} MiB", FILE_MAX / 1024 / 1024)));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            let within = path.strip_prefix(folder).unwrap_or(&path);
            let parts: Vec<String> = within.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            files.push(FileText { path: parts.join("/"), text });
        }
    }
    if files.is_empty() {
        let remedy = "name a folder that `entente export` wrote, with its mappings and objects as .yaml files";
        return Err(Fault::new(format!("there is no mapping and no object in {}", folder.display()), remedy));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn text(plan: &FilePlan, folder: &Path) -> String {
    let mut text: String = plan.steps.iter().map(step).collect();
    for fault in &plan.faults {
        text.push_str(&format!("ERROR {}\n", folder.join(fault.to_string()).display()));
    }
    if !plan.faults.is_empty() {
        text.push_str("Nothing can be applied before this is corrected.");
    } else if plan.steps.is_empty() {
        text.push_str("Nothing to change: the files say what is in force.");
    } else {
        text.push_str(&format!(
            "Nothing was changed. To apply exactly this:\n  entente apply -f {} --digest {}",
            folder.display(),
            plan.digest
        ));
    }
    text
}

fn step(step: &FileStep) -> String {
    let what = match (&step.connection, step.of) {
        (Some(connection), _) => format!("mapping of {} at {connection}", step.object),
        (None, FileOf::Rules) => format!("adopted rules of {}", step.object),
        (None, _) => format!("fields of {}", step.object),
    };
    let mut text = format!("{what}  ({})\n", step.path);
    for (sign, fields) in [('+', &step.added), ('~', &step.changed), ('-', &step.removed)] {
        text.extend(fields.iter().map(|field| format!("    {sign} {field}\n")));
    }
    if step.frame {
        text.push_str("    ~ key, filter, creation, deletion or rules of conflicts\n");
    }
    if !step.to_provision.is_empty() {
        text.push_str(&format!("    to make  {}: `entente provision --apply` makes them\n", step.to_provision.join(", ")));
    }
    text.extend(step.losses.iter().map(|loss| format!("    LOSS {loss}\n")));
    text
}

fn applied_text(applied: &AppliedFiles) -> String {
    if applied.plan.steps.is_empty() {
        return "Nothing to change: the files say what is in force.".to_owned();
    }
    let mut text: String = applied
        .saved
        .iter()
        .map(|saved| format!("Version {} of {} at {} is in force.\n", saved.version, saved.object, saved.connection))
        .collect();
    let rules = |sum: fn(&FileStep) -> usize| applied.plan.steps.iter().filter(|step| step.of == FileOf::Rules).map(sum).sum::<usize>();
    let (adopted, withdrawn) = (rules(|step| step.added.len()), rules(|step| step.removed.len()));
    if adopted + withdrawn > 0 {
        text.push_str(&format!(
            "Rules of conflicts: {adopted} adopted, {withdrawn} withdrawn; {} conflicts that waited are decided by them.\n",
            applied.conflicts
        ));
    }
    text.push_str(&format!("{}.", looked_at_again(applied.records)));
    text
}
