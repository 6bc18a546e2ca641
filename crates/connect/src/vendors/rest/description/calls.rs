//! Calls of a description: lists with their paging, reads of one row, and writes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::path::Path;
use super::text::Template;

/// The verb of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Takes away.
    Delete,
}

/// A read of many rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCall {
    /// Path under the address of the connection.
    pub path: Template,
    /// `GET` without it; `POST` where a search is a body.
    #[serde(default)]
    pub method: Option<Verb>,
    /// Query parameters. Gaps depend on the place: `{since}` in changes, `{value}` in finds, `{ids}` in reads of several rows.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Body, in which texts may have the same gaps.
    #[serde(default)]
    pub body: Option<Value>,
    /// Where the rows are in the answer; `answers.rows` without it.
    #[serde(default)]
    pub rows: Option<Path>,
    /// How one goes on to the next page; the description's `paging` without it.
    #[serde(default)]
    pub paging: Option<Paging>,
    /// The budget it draws on beside the connection's.
    #[serde(default)]
    pub budget: Option<String>,
}

/// How a list goes on. Exactly one of `cursor`, `link`, `page`, `offset` and `none`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The answer holds a text that the next call sends.
    #[serde(default)]
    pub cursor: Option<CursorPaging>,
    /// The answer holds the address of the next page.
    #[serde(default)]
    pub link: Option<LinkPaging>,
    /// Pages are numbered.
    #[serde(default)]
    pub page: Option<NumberPaging>,
    /// Rows are numbered, from 0.
    #[serde(default)]
    pub offset: Option<NumberPaging>,
    /// Whether the answer is the whole list.
    #[serde(default)]
    pub none: bool,
    /// How many rows a page has.
    #[serde(default)]
    pub size: Option<Size>,
}

/// Going on by a text of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorPaging {
    /// Query parameter that the text goes into.
    pub send: String,
    /// Where the text is in the answer. Null, blank or missing ends the list.
    pub at: Path,
}

/// Going on by an address of the answer. One on another host is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkPaging {
    /// Where the address is in the answer.
    #[serde(default)]
    pub at: Option<Path>,
    /// Whether it is in the header `Link`, with `rel="next"` (RFC 8288).
    #[serde(default)]
    pub header: bool,
}

/// Going on by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberPaging {
    /// Query parameter of the number.
    pub send: String,
    /// Number of the first page (1 without it); offsets begin at 0.
    #[serde(default)]
    pub first: Option<u64>,
    /// Where the answer says whether there is more: true, or a number or text that is not blank. Without it, a page with fewer rows than
    /// `size` is the last one.
    #[serde(default)]
    pub more: Option<Path>,
}

/// Rows of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Query parameter; without it the platform alone decides.
    #[serde(default)]
    pub send: Option<String>,
    /// Rows, the most that the platform gives.
    pub rows: u64,
}

/// A read of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCall {
    /// Path, with `{id}`.
    pub path: Template,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Where the row is in the answer; `answers.row` without it.
    #[serde(default)]
    pub row: Option<Path>,
    /// The budget it draws on beside the connection's.
    #[serde(default)]
    pub budget: Option<String>,
}

/// A read of several rows by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchCall {
    /// The call, with `{ids}`. Rows that it does not show are read one by one, where `get` is described; else they count as gone.
    pub call: ListCall,
    /// Ids of one call, the most that the platform takes.
    pub max: usize,
    /// What stands between ids.
    #[serde(default = "comma")]
    pub separator: String,
    /// Fewer rows than this are read one by one, where that is cheaper.
    #[serde(default)]
    pub from: usize,
}

fn comma() -> String {
    ",".to_owned()
}

/// A write of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteCall {
    /// Path; `{id}` in updates and deletions, `{key}` in upserts, `{goes}` and `{stays}` in merges.
    pub path: Template,
    /// Verb. Without it: creations `POST`, updates `PATCH`, upserts `PUT`, deletions `DELETE`, merges `POST`.
    #[serde(default)]
    pub method: Option<Verb>,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Where in the body the row goes; the body is the row without it.
    #[serde(default)]
    pub wrap: Option<Path>,
    /// What every body has beside the row's values (`{type: task}`); values of the row win.
    #[serde(default)]
    pub with: serde_json::Map<String, Value>,
    /// Where the row is in the answer; `answers.row` without it. The answer need not hold the row, but creations must show its id.
    #[serde(default)]
    pub row: Option<Path>,
    /// The budget it draws on beside the connection's.
    #[serde(default)]
    pub budget: Option<String>,
}
