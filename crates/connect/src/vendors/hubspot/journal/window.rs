//! The stretch of the journal that is held: files one behind the other, so that the polls of all objects read each of them once.

use std::collections::VecDeque;
use std::sync::Arc;

use entente_model::clock::Timestamp;
use serde_json::Value;

/// Events held at most; the oldest files go first.
const HELD_MAX: usize = 20_000;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub offset: String,
    pub published: Option<Timestamp>,
    pub events: Arc<Vec<Value>>,
}

/// Files behind an offset.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The offset before the first file.
    base: Option<String>,
    files: VecDeque<File>,
    events: usize,
    /// When the journal last said that there was no more, by its own clock and by ours.
    pub dry: Option<(Timestamp, Timestamp)>,
}

impl Window {
    /// Begins anew behind an offset.
    pub fn begin(&mut self, offset: &str) {
        *self = Self { base: Some(offset.to_owned()), ..Self::default() };
    }

    /// The files behind an offset; `None` when it does not lie in this stretch.
    pub fn behind(&self, offset: &str) -> Option<Vec<File>> {
        let from = if self.base.as_deref() == Some(offset) { 0 } else { self.files.iter().position(|file| file.offset == offset)? + 1 };
        Some(self.files.iter().skip(from).cloned().collect())
    }

    /// The last offset.
    pub fn tip(&self) -> Option<&str> {
        self.files.back().map(|file| file.offset.as_str()).or(self.base.as_deref())
    }

    /// Adds the file that follows.
    pub fn push(&mut self, file: File) {
        self.events += file.events.len();
        self.files.push_back(file);
        self.dry = None;
        while self.events > HELD_MAX && self.files.len() > 1 {
            if let Some(first) = self.files.pop_front() {
                self.events -= first.events.len();
                self.base = Some(first.offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(offset: &str, events: usize) -> File {
        File { offset: offset.to_owned(), published: None, events: Arc::new(vec![Value::Null; events]) }
    }

    #[test]
    fn a_poll_goes_on_behind_its_own_offset_wherever_the_others_are() {
        let mut window = Window::default();
        assert!(window.behind("a").is_none() && window.tip().is_none());
        window.begin("a");
        window.push(file("b", 1));
        window.push(file("c", 1));
        let offsets = |from: &str| window.behind(from).map(|files| files.into_iter().map(|file| file.offset).collect::<Vec<_>>());
        assert_eq!(offsets("a"), Some(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!((offsets("c"), offsets("x"), window.tip()), (Some(Vec::new()), None, Some("c")));
    }

    #[test]
    fn what_is_held_is_bounded_and_stays_one_stretch() {
        let mut window = Window::default();
        window.begin("a");
        for name in ["b", "c", "d"] {
            window.push(file(name, HELD_MAX / 2));
        }
        assert!(window.behind("a").is_none(), "the first file made room");
        assert_eq!(window.behind("b").map(|files| files.len()), Some(2));
    }
}
