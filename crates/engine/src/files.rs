//! Mappings and custom fields as YAML files: written out, planned against what is in force, and applied when nothing has moved since.
//!
//! - `mappings/<connection>/<object>.yaml` is one mapping.
//! - `objects/<object>.yaml` has the custom fields of one object, or declares an object of one's own.
//! - `rules/<object>.yaml` has the rules of conflicts that people adopted for one object: all of them.
//! - `schemas/` has the JSON Schemas of these, which editors take up by the first line of each file.
//!
//! What no file names stays as it is: a folder may hold a part of it.

mod apply;
mod export;
mod format;
mod own_object;
mod place;
mod plan;
mod rules;

pub use apply::{AppliedFiles, apply};
pub use export::export;
pub use format::{FileFault, FileText, parse_mapping};
pub use plan::{FileOf, FilePlan, FileStep, plan};
