//! The scroll over all companies: one at a time, which ends when it is not used for a minute, and cannot be resumed.

use serde_json::{Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, State};

/// Rows of a page.
const PAGE: usize = 100;
/// Milliseconds after which an unused scroll ends.
const IDLE_MS: i64 = 60_000;

/// A scroll that is open: what is left of the companies that were there when it began.
#[derive(Debug)]
pub(crate) struct Scroll {
    param: String,
    used_ms: i64,
    left: std::vec::IntoIter<String>,
}

impl State {
    /// `GET /companies/scroll`.
    pub(crate) fn scroll_companies(&mut self, call: &Call) -> Outcome {
        let now = self.now_ms;
        let open = self.scroll.take().filter(|scroll| now - scroll.used_ms < IDLE_MS);
        let mut scroll = match (call.query("scroll_param"), open) {
            (None, None) => {
                let all: Vec<String> = self.records[Kind::Company.index()].keys().cloned().collect();
                Scroll { param: self.uuid(), used_ms: now, left: all.into_iter() }
            }
            (None, open) => {
                self.scroll = open;
                return Err(Refusal::new(400, "scroll_exists", "scroll already exists for this workspace"));
            }
            (Some(param), Some(scroll)) if scroll.param == param => scroll,
            (Some(_), open) => {
                self.scroll = open;
                return Err(Refusal::new(404, "not_found", "scroll parameter not found"));
            }
        };
        let size = if call.half_page { PAGE / 2 } else { PAGE };
        let ids: Vec<String> = scroll.left.by_ref().take(size).collect();
        let rows: Vec<Value> = ids.iter().filter_map(|id| self.get(Kind::Company, id)).map(|record| self.company_shown(record)).collect();
        let answer = json!({"type": "list", "data": rows, "pages": null, "total_count": null, "scroll_param": scroll.param});
        // The end is an empty page, and ends the scroll.
        if !ids.is_empty() {
            scroll.used_ms = now;
            self.scroll = Some(scroll);
        }
        Ok(Answer::ok(answer))
    }
}
