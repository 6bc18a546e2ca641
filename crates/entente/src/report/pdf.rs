//! The report as a PDF of A4 pages, after PDF/A-2: it looks the same in ten years. The fonts are part of the program.

mod font;
mod page;

use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::metadata::{DateTime, Metadata};
use krilla::{Document, SerializeSettings};

use super::sheet::{Sheet, Tone};
use font::Fonts;
use page::{BRAND, Flow, GOOD, INK, SOFT, WARN, WIDTH};

/// Why a PDF cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// A font of the program is damaged.
    #[error("a font cannot be read")]
    Font,
    /// The library refuses.
    #[error("{0}")]
    Library(String),
}

/// Height of the chart in points.
const CHART: f32 = 92.0;

/// Room for the numbers of the chart's axis.
const AXIS: f32 = 40.0;

/// The whole document.
pub fn render(sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
    let fonts = Fonts::load().ok_or(PdfError::Font)?;
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_B)
        .finish()
        .map_err(|error| PdfError::Library(format!("{error:?}")))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut flow = Flow::new(&fonts, format!("CRM sync report, {}", sheet.month));
    head(&mut flow, sheet);
    chart(&mut flow, sheet);
    for section in &sheet.sections {
        // A heading stays with its first lines.
        flow.need(70.0);
        flow.begin(section.title);
        for line in &section.lines {
            let color = match line.tone {
                Tone::Good => GOOD,
                Tone::Bad => WARN,
                Tone::Plain => INK,
            };
            flow.row(line.label, &line.value, line.note.as_deref(), color);
        }
        flow.end();
    }
    flow.need(80.0);
    flow.heading("RECOMMENDATIONS");
    if sheet.recommendations.is_empty() {
        flow.paragraph(sheet.no_recommendation, 9.5, SOFT, 0.0);
    }
    for (index, advice) in sheet.recommendations.iter().enumerate() {
        flow.advice(index + 1, &advice.title, &advice.evidence);
    }
    flow.draw(&mut document)?;
    document.set_metadata(
        Metadata::new()
            .title(format!("CRM sync report, {}", sheet.month))
            .language("en".to_owned())
            .creator("Entente".to_owned())
            .creation_date(date(sheet.made_at)),
    );
    document.finish().map_err(|error| PdfError::Library(format!("{error:?}")))
}

fn date(at: jiff::Timestamp) -> DateTime {
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).unwrap_or(0);
    DateTime::new(u16::try_from(utc.year()).unwrap_or(0))
        .month(part(utc.month()))
        .day(part(utc.day()))
        .hour(part(utc.hour()))
        .minute(part(utc.minute()))
        .second(part(utc.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn head(flow: &mut Flow<'_>, sheet: &Sheet) {
    flow.strong("CRM SYNC MONTHLY REPORT", 9.0, BRAND);
    flow.gap(4.0);
    flow.strong(&sheet.month, 24.0, INK);
    flow.gap(4.0);
    flow.paragraph(&sheet.about, 8.5, SOFT, 0.0);
    flow.gap(6.0);
    flow.rule(BRAND, 2.0);
    flow.gap(12.0);
    let width = (WIDTH - 3.0 * 8.0) / 4.0;
    for (index, figure) in sheet.figures.iter().enumerate() {
        let color = match figure.tone {
            Tone::Good => GOOD,
            Tone::Bad => WARN,
            Tone::Plain => INK,
        };
        flow.figure(index as f32 * (width + 8.0), width, [figure.label, &figure.value, &figure.note], color);
    }
    flow.gap(66.0);
}

fn chart(flow: &mut Flow<'_>, sheet: &Sheet) {
    if sheet.chart.top == 0 {
        return;
    }
    flow.heading("SYNCS BY DAY");
    flow.gap(4.0);
    let width = WIDTH - AXIS;
    for share in [0.0_f32, 0.5, 1.0] {
        let many = (sheet.chart.top as f64 * f64::from(share)) as u64;
        flow.axis(CHART * (1.0 - share), AXIS, &super::words::number(many));
    }
    for bar in &sheet.chart.bars {
        let (x, landed, failed) = (AXIS + width * bar.x, CHART * bar.landed, CHART * bar.failed);
        flow.bar(x, CHART - landed, width * bar.width, landed, BRAND);
        flow.bar(x, CHART - landed - failed, width * bar.width, failed, WARN);
        flow.centred(x + width * bar.width / 2.0, CHART + 9.0, 6.5, &bar.day);
    }
    flow.gap(CHART + 18.0);
    flow.legend(&[("landed", BRAND), ("failed", WARN)]);
}
