//! Plain text and HTML: some platforms keep texts of tickets, activities and notes as HTML; people write them plain.

/// Plain text as HTML that shows the same.
pub(crate) fn of_text(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    format!("<div>{}</div>", escaped.replace("\r\n", "\n").replace('\n', "<br>"))
}

/// The text of HTML: breaks and ends of blocks become lines.
pub(crate) fn to_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>') else {
            rest = &rest[at..];
            break;
        };
        let tag = rest[at + 1..at + end].trim().to_ascii_lowercase();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if name == "br" || (tag.starts_with('/') && matches!(name, "div" | "p" | "li" | "tr" | "h1" | "h2" | "h3")) {
            text.push('\n');
        }
        rest = &rest[at + end + 1..];
    }
    text.push_str(rest);
    let plain = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_survives_the_way_there_and_back() {
        for text in ["[ ] one\n[ ] two", "a < b & c > \"d\"", "&lt;", ""] {
            assert_eq!(to_text(&of_text(text)), text);
        }
        assert_eq!(to_text("<p>Hello<br/>there</p><p class=\"x\">you &amp; me</p>"), "Hello\nthere\nyou & me");
        assert_eq!(to_text("2 < 3"), "2 < 3");
    }
}
