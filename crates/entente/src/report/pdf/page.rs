//! A flow of things down A4 pages: what is put into it is placed at once, and drawn at the end.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::text::TextDirection;

use super::PdfError;
use super::font::{Cut, Fonts};

/// A4 in points.
const PAPER: (f32, f32) = (595.28, 841.89);

/// Margins in points.
const LEFT: f32 = 48.0;
const TOP: f32 = 52.0;
const BOTTOM: f32 = 56.0;

/// Width of what is printed.
pub const WIDTH: f32 = PAPER.0 - 2.0 * LEFT;

/// Share of the width that labels take.
const LABELS: f32 = 0.45;

/// A colour.
pub type Color = (u8, u8, u8);

pub const INK: Color = (22, 32, 43);
pub const SOFT: Color = (91, 107, 124);
pub const BRAND: Color = (36, 87, 214);
pub const GOOD: Color = (23, 121, 74);
pub const WARN: Color = (179, 38, 30);
const HAIR: Color = (226, 232, 238);

/// Something on a page. Places are from its top left corner.
enum Thing {
    Text { x: f32, y: f32, size: f32, strong: bool, text: String, color: Color },
    Box { x: f32, y: f32, width: f32, height: f32, color: Color },
}

/// The flow.
pub struct Flow<'a> {
    fonts: &'a Fonts,
    footer: String,
    pages: Vec<Vec<Thing>>,
    y: f32,
    /// The part that a new page carries on.
    part: Option<&'static str>,
}

impl<'a> Flow<'a> {
    /// An empty one; `footer` stands below every page.
    pub fn new(fonts: &'a Fonts, footer: String) -> Self {
        Self { fonts, footer, pages: vec![Vec::new()], y: TOP, part: None }
    }

    fn cut(&self, strong: bool) -> &'a Cut {
        if strong { &self.fonts.strong } else { &self.fonts.regular }
    }

    fn put(&mut self, thing: Thing) {
        if let Some(page) = self.pages.last_mut() {
            page.push(thing);
        }
    }

    fn text(&mut self, x: f32, y: f32, size: f32, strong: bool, text: &str, color: Color) {
        let text = self.cut(strong).known(text);
        self.put(Thing::Text { x: LEFT + x, y, size, strong, text, color });
    }

    /// Begins a new page unless so much height is left.
    pub fn need(&mut self, height: f32) {
        if self.y + height > PAPER.1 - BOTTOM {
            self.pages.push(Vec::new());
            self.y = TOP;
            if let Some(part) = self.part {
                self.strong(&format!("{part}, CONTINUED"), 8.0, SOFT);
                self.y += 3.0;
            }
        }
    }

    /// Leaves room.
    pub fn gap(&mut self, height: f32) {
        self.y += height;
    }

    /// One line that stands out.
    pub fn strong(&mut self, text: &str, size: f32, color: Color) {
        self.y += size;
        self.text(0.0, self.y, size, true, text, color);
        self.y += size * 0.3;
    }

    /// Text that breaks into lines, from an indent on.
    pub fn paragraph(&mut self, text: &str, size: f32, color: Color, indent: f32) {
        for line in self.cut(false).lines(text, size, WIDTH - indent) {
            self.need(size * 1.4);
            self.y += size;
            self.text(indent, self.y, size, false, &line, color);
            self.y += size * 0.4;
        }
    }

    /// A line across the page.
    pub fn rule(&mut self, color: Color, height: f32) {
        let y = self.y;
        self.put(Thing::Box { x: LEFT, y, width: WIDTH, height, color });
        self.y += height;
    }

    /// The name of a part.
    pub fn heading(&mut self, text: &str) {
        self.y += 14.0;
        self.strong(text, 8.0, SOFT);
        self.y += 3.0;
    }

    /// Begins a part by its name, which every page repeats that carries it on.
    pub fn begin(&mut self, part: &'static str) {
        self.heading(part);
        self.part = Some(part);
    }

    /// Ends the part.
    pub fn end(&mut self) {
        self.part = None;
    }

    /// What the colours of a chart stand for.
    pub fn legend(&mut self, marks: &[(&str, Color)]) {
        const SIZE: f32 = 7.0;
        self.y += SIZE;
        let (mut x, y) = (0.0, self.y);
        for (text, color) in marks {
            self.put(Thing::Box { x: LEFT + x, y: y - SIZE + 1.5, width: SIZE - 1.0, height: SIZE - 1.0, color: *color });
            self.text(x + SIZE + 2.0, y, SIZE, false, text, SOFT);
            x += SIZE + 2.0 + self.cut(false).width(text, SIZE) + 12.0;
        }
        self.y += SIZE * 0.4;
    }

    /// A label, with a value and a note at the right.
    pub fn row(&mut self, label: &str, value: &str, note: Option<&str>, color: Color) {
        const SIZE: f32 = 9.5;
        const NOTE: f32 = 8.0;
        let (left, right) = (WIDTH * LABELS, WIDTH * (1.0 - LABELS) - 8.0);
        let labels = self.cut(false).lines(label, SIZE, left);
        let values = self.cut(true).lines(value, SIZE, right);
        let notes = note.map(|note| self.cut(false).lines(note, NOTE, right)).unwrap_or_default();
        let height = (labels.len() as f32 * SIZE * 1.35).max(values.len() as f32 * SIZE * 1.35 + notes.len() as f32 * NOTE * 1.35);
        self.need(height + 8.0);
        self.rule(HAIR, 0.5);
        let top = self.y + 4.0;
        let mut y = top;
        for line in &labels {
            y += SIZE;
            self.text(0.0, y, SIZE, false, line, SOFT);
            y += SIZE * 0.35;
        }
        y = top;
        for line in &values {
            y += SIZE;
            let x = WIDTH - self.cut(true).width(line, SIZE);
            self.text(x, y, SIZE, true, line, color);
            y += SIZE * 0.35;
        }
        for line in &notes {
            y += NOTE;
            let x = WIDTH - self.cut(false).width(line, NOTE);
            self.text(x, y, NOTE, false, line, SOFT);
            y += NOTE * 0.35;
        }
        self.y = top + height + 3.0;
    }

    /// A number for the top of the page, with its label above and its note below; the place in the flow stays.
    pub fn figure(&mut self, x: f32, width: f32, [label, value, note]: [&str; 3], color: Color) {
        let y = self.y;
        for (at, height) in [(y, 0.5), (y + 56.0, 0.5)] {
            self.put(Thing::Box { x: LEFT + x, y: at, width, height, color: HAIR });
        }
        for at in [x, x + width] {
            self.put(Thing::Box { x: LEFT + at, y, width: 0.5, height: 56.5, color: HAIR });
        }
        self.text(x + 8.0, y + 15.0, 8.0, false, label, SOFT);
        // A long value shrinks until it fits.
        let room = width - 16.0;
        let size = (16.0 * room / self.cut(true).width(value, 16.0).max(room)).min(16.0);
        self.text(x + 8.0, y + 33.0, size, true, value, color);
        let note = self.cut(false).lines(note, 7.0, room).into_iter().next().unwrap_or_default();
        self.text(x + 8.0, y + 48.0, 7.0, false, &note, SOFT);
    }

    /// A line of a chart's axis with its number; `y` is from the place in the flow.
    pub fn axis(&mut self, y: f32, x: f32, text: &str) {
        let at = self.y + y;
        self.put(Thing::Box { x: LEFT + x, y: at, width: WIDTH - x, height: 0.5, color: HAIR });
        let width = self.cut(false).width(text, 7.0);
        self.text(x - 6.0 - width, at + 2.5, 7.0, false, text, SOFT);
    }

    /// A bar of a chart; `y` is from the place in the flow.
    pub fn bar(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color) {
        if height > 0.0 {
            let y = self.y + y;
            self.put(Thing::Box { x: LEFT + x, y, width, height, color });
        }
    }

    /// A text around a place; `y` is from the place in the flow.
    pub fn centred(&mut self, x: f32, y: f32, size: f32, text: &str) {
        let x = x - self.cut(false).width(text, size) / 2.0;
        let y = self.y + y;
        self.text(x, y, size, false, text, SOFT);
    }

    /// A recommendation with its number and its evidence.
    pub fn advice(&mut self, number: usize, title: &str, evidence: &str) {
        const INDENT: f32 = 18.0;
        let titles = self.cut(true).lines(title, 9.5, WIDTH - INDENT);
        let lines = titles.len() + self.cut(false).lines(evidence, 8.5, WIDTH - INDENT).len();
        self.need(lines as f32 * 13.5 + 6.0);
        self.y += 4.0;
        for (index, line) in titles.iter().enumerate() {
            self.y += 9.5;
            if index == 0 {
                self.text(0.0, self.y, 9.5, true, &format!("{number}."), BRAND);
            }
            self.text(INDENT, self.y, 9.5, true, line, INK);
            self.y += 3.5;
        }
        self.paragraph(evidence, 8.5, SOFT, INDENT);
    }

    /// Draws every page.
    pub fn draw(self, document: &mut Document) -> Result<(), PdfError> {
        let many = self.pages.len();
        for (index, things) in self.pages.iter().enumerate() {
            let settings = PageSettings::from_wh(PAPER.0, PAPER.1).ok_or_else(|| PdfError::Library("A4 is no size".to_owned()))?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            let mut all: Vec<&Thing> = things.iter().collect();
            let below = PAPER.1 - 28.0;
            let number = format!("{} of {many}", index + 1);
            let x = LEFT + WIDTH - self.fonts.regular.width(&number, 7.5);
            let foot = [
                Thing::Text { x: LEFT, y: below, size: 7.5, strong: false, text: self.footer.clone(), color: SOFT },
                Thing::Text { x, y: below, size: 7.5, strong: false, text: number, color: SOFT },
            ];
            all.extend(&foot);
            for thing in all {
                match thing {
                    Thing::Text { x, y, size, strong, text, color } => {
                        surface.set_fill(Some(fill(*color)));
                        let font = self.cut(*strong).font.clone();
                        surface.draw_text(Point::from_xy(*x, *y), font, *size, text, false, TextDirection::LeftToRight);
                    }
                    Thing::Box { x, y, width, height, color } => {
                        let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else { continue };
                        let mut path = PathBuilder::new();
                        path.push_rect(rect);
                        if let Some(path) = path.finish() {
                            surface.set_fill(Some(fill(*color)));
                            surface.draw_path(&path);
                        }
                    }
                }
            }
            surface.finish();
            page.finish();
        }
        Ok(())
    }
}

fn fill((red, green, blue): Color) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}
