//! The monthly report on paper: as text, HTML and PDF. All three are made of one [`sheet`], so that they say the same.

mod chart;
mod html;
mod pdf;
mod sheet;
mod text;
pub mod words;

use clap::ValueEnum;
use entente_engine::reports::monthly::MonthlyReport;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::fault::{Fault, Result};

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text.
    #[default]
    Text,
    /// One HTML page that needs nothing else.
    Html,
    /// A PDF of A4 pages.
    Pdf,
    /// JSON, with every number.
    Json,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Json => "application/json",
        }
    }

    /// How names of its files end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Json => "json",
        }
    }
}

/// Puts a report on paper.
pub fn render(report: &MonthlyReport, format: Format) -> Result<Vec<u8>> {
    let sheet = sheet::of(report);
    let defect = |what: String| Fault::new(what, "report this; it is a defect");
    match format {
        Format::Text => Ok(text::render(&sheet).into_bytes()),
        Format::Html => {
            html::render(&sheet).map(String::into_bytes).map_err(|error| defect(format!("the report's page cannot be written: {error:#}")))
        }
        Format::Pdf => pdf::render(&sheet).map_err(|error| defect(format!("the report's PDF cannot be written: {error}"))),
        Format::Json => Ok(serde_json::to_vec_pretty(report)?),
    }
}

#[cfg(test)]
mod tests;
