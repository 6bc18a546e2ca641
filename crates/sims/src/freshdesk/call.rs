//! One request as the routes see it, and pages.

use http::Method;
use serde_json::{Map, Value};

use super::refusal::{Answer, Flaw, Outcome, Refusal};

/// Rows of a page where nobody says how many.
const PAGE_USUAL: usize = 30;
/// Rows of a page at most.
const PAGE_MAX: usize = 100;

/// A request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Where it goes, without `/api/v2`.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Map<String, Value>,
    /// The address as called, for links.
    pub(crate) address: String,
    /// Whether a fault halves the page.
    pub(crate) half_page: bool,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What `include` asks for.
    pub(crate) fn includes(&self) -> Vec<&str> {
        self.query("include").into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
    }

    /// Refuses parameters that the route does not know.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let flaws: Vec<Flaw> =
            self.query.iter().filter(|(name, _)| !known.contains(&name.as_str())).map(|(name, _)| Flaw::unknown(name)).collect();
        if flaws.is_empty() { Ok(()) } else { Err(Refusal::validation(&flaws)) }
    }

    /// An instant in the query.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.query(name) else { return Ok(None) };
        let wrong = || Refusal::flaw(Flaw::new(name, "invalid_value", "It should be in the 'combined date and time ISO8601' format"));
        super::moment::instant(text).map(Some).ok_or_else(wrong)
    }

    fn number(&self, name: &str, usual: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.query(name) else { return Ok(usual) };
        let wrong =
            || Refusal::flaw(Flaw::new(name, "invalid_value", format!("It should be a Positive Integer less than or equal to {max}")));
        text.parse().ok().filter(|number| (1..=max).contains(number)).ok_or_else(wrong)
    }

    /// The page of `rows` that is asked for, each shown by `show`.
    pub(crate) fn page<R>(&self, rows: impl IntoIterator<Item = R>, pages_max: usize, show: impl FnMut(R) -> Value) -> Outcome {
        let mut size = self.number("per_page", PAGE_USUAL, PAGE_MAX)?;
        let page = self.number("page", 1, usize::MAX)?;
        if page > pages_max {
            let message = format!("You cannot access tickets beyond the {pages_max}th page. Please provide a smaller page number.");
            return Err(Refusal::flaw(Flaw::new("page", "invalid_value", message)));
        }
        if self.half_page && page == 1 && size > 1 {
            size = size.div_ceil(2);
        }
        let start = (page - 1).saturating_mul(size);
        let mut rest = rows.into_iter().skip(start);
        let shown: Vec<Value> = rest.by_ref().take(size).map(show).collect();
        let mut answer = Answer::ok(Value::Array(shown));
        if rest.next().is_some() {
            answer.link = Some(format!("<{}>; rel=\"next\"", self.next(page + 1, size)));
        }
        Ok(answer)
    }

    fn next(&self, page: usize, size: usize) -> String {
        let (page, size) = (page.to_string(), size.to_string());
        let kept = self.query.iter().filter(|(name, _)| !matches!(name.as_str(), "page" | "per_page"));
        let mut pairs: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.extend([("page", page.as_str()), ("per_page", size.as_str())]);
        format!("{}?{}", self.address, url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }
}
