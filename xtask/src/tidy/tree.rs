//! The project's own text files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders that hold nothing of ours; `.git` is a file where a checkout shares its repository with others.
const FOREIGN: &[&str] = &["target", "node_modules", "dist", "__pycache__", ".git"];

/// Hidden folders that are ours all the same.
const HIDDEN: &[&str] = &[".cargo", ".ci", ".config", ".github"];

/// Every text file of the project, by its path from the root with `/` between the parts.
pub struct Tree {
    /// Path → text.
    pub files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads all of it.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn of(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        read(root, "", &mut files)?;
        Ok(Self { files })
    }

    /// A small tree for a test.
    #[cfg(test)]
    pub fn with(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// Files whose path ends in one of `endings`.
    pub fn ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let wanted = move |path: &str| endings.iter().any(|ending| path.ends_with(ending));
        self.files.iter().filter(move |(path, _)| wanted(path)).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether there is such a file, or a folder of that name with a file in it.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.range(folder.clone()..).next().is_some_and(|(next, _)| next.starts_with(&folder))
    }
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        // By its name alone: such a folder may lie elsewhere, with a link to it here.
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') || HIDDEN.contains(&name.as_str()) {
                read(&entry.path(), &path, files)?;
            }
        } else {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            // Pictures and data bases count as files that exist, with no text to check.
            files.insert(path, String::from_utf8(bytes).unwrap_or_default());
        }
    }
    Ok(())
}
