//! The two fonts of the PDF, and how wide a text is in them. Inter, under the SIL Open Font License (see `fonts/OFL.txt`).

use krilla::text::Font;
use ttf_parser::Face;

const REGULAR: &[u8] = include_bytes!("../../../fonts/Inter-Regular.ttf");
const STRONG: &[u8] = include_bytes!("../../../fonts/Inter-SemiBold.ttf");

/// One font.
pub struct Cut {
    /// For drawing.
    pub font: Font,
    face: Face<'static>,
}

impl Cut {
    fn load(data: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(data.into(), 0)?, face: Face::parse(data, 0).ok()? })
    }

    /// Width of a text at a size, in points. Kerning is left out: it moves a line by less than a point.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let units = f32::from(self.face.units_per_em().max(1));
        let advance = |letter: char| self.face.glyph_index(letter).and_then(|glyph| self.face.glyph_hor_advance(glyph)).unwrap_or(0);
        text.chars().map(|letter| f32::from(advance(letter))).sum::<f32>() / units * size
    }

    /// The text with a question mark for each letter that the font does not have.
    pub fn known(&self, text: &str) -> String {
        text.chars().map(|letter| if self.face.glyph_index(letter).is_some() { letter } else { '?' }).collect()
    }

    /// Breaks a text into lines of a width at words; a word that is too long is broken where it must.
    pub fn lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let Some(line) = lines.last_mut() else { break };
            let wanted = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&wanted, size) <= width {
                *line = wanted;
                continue;
            }
            if !line.is_empty() {
                lines.push(String::new());
            }
            for letter in word.chars() {
                let Some(line) = lines.last_mut() else { break };
                line.push(letter);
                if self.width(line, size) > width && line.chars().count() > 1 {
                    line.pop();
                    lines.push(letter.to_string());
                }
            }
        }
        lines
    }
}

/// Both of them.
pub struct Fonts {
    /// For text.
    pub regular: Cut,
    /// For what stands out.
    pub strong: Cut,
}

impl Fonts {
    /// Reads them out of the program.
    pub fn load() -> Option<Self> {
        Some(Self { regular: Cut::load(REGULAR)?, strong: Cut::load(STRONG)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words_and_fit() {
        let fonts = Fonts::load().unwrap();
        let lines = fonts.regular.lines("Let the CRM own \"Account: Phone\", as people decide", 10.0, 80.0);
        assert!(lines.len() > 2, "{lines:?}");
        assert!(lines.iter().all(|line| fonts.regular.width(line, 10.0) <= 80.0), "{lines:?}");
        assert_eq!(lines.join(" "), "Let the CRM own \"Account: Phone\", as people decide");
        let long = fonts.regular.lines(&"x".repeat(60), 10.0, 80.0);
        assert_eq!(long.concat(), "x".repeat(60));
    }

    #[test]
    fn letters_of_reports_are_in_the_fonts() {
        let fonts = Fonts::load().unwrap();
        for cut in [&fonts.regular, &fonts.strong] {
            assert_eq!(cut.known("↑ ↓ → — × % äöüßéñçłžЖΩ €"), "↑ ↓ → — × % äöüßéñçłžЖΩ €");
        }
    }
}
