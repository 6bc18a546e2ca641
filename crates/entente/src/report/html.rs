//! The report as one HTML page that needs nothing else: no script, no font, no image from elsewhere.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::sheet::Sheet;

const PAGE: &str = include_str!("page.html");

/// The whole page. What comes from data is escaped.
pub fn render(sheet: &Sheet) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_filter("commas", super::words::number);
    environment.render_str(PAGE, context! { sheet => Value::from(Serde(sheet)) })
}
