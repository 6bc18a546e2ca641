//! From characters to tokens.

use std::ops::Range;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::ast::Op;
use super::error::Fault;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(Decimal),
    Text(String),
    /// A name as written. `bracketed` names are always fields.
    Name {
        name: String,
        bracketed: bool,
    },
    Op(Op),
    Bang,
    Open,
    Close,
    Comma,
    End,
}

/// Splits a formula into tokens with their positions in bytes; the last is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, Box<Fault>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    tokens.push((Token::End, text.len()..text.len()));
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn next(&mut self) -> Result<Option<(Token, Range<usize>)>, Box<Fault>> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '0'..='9' => self.number(start)?,
            '.' if self.second().is_some_and(|c| c.is_ascii_digit()) => self.number(start)?,
            '"' | '\'' => self.quoted(start, first)?,
            '[' => self.bracketed(start)?,
            c if c.is_alphabetic() || c == '_' || c == '$' => self.name(),
            _ => self.sign(start)?,
        };
        Ok(Some((token, start..self.at)))
    }

    fn number(&mut self, start: usize) -> Result<Token, Box<Fault>> {
        let mut point = false;
        while let Some(c) = self.peek() {
            let fraction = c == '.' && !point && self.second().is_some_and(|next| next.is_ascii_digit());
            if !c.is_ascii_digit() && !fraction {
                break;
            }
            point |= fraction;
            self.bump();
        }
        let digits = &self.text[start..self.at];
        Decimal::from_str(digits)
            .map(Token::Number)
            .map_err(|_| Fault::new(&(start..self.at), "the number is too long", "numbers hold 28 digits at most"))
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<Token, Box<Fault>> {
        self.bump();
        let mut content = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                None => {
                    return Err(Fault::new(&(start..self.at), "the text is not closed", format!("add the closing {quote}")));
                }
                Some(c) if c == quote => {
                    if self.peek() != Some(quote) {
                        return Ok(Token::Text(content));
                    }
                    self.bump();
                    content.push(quote);
                }
                Some('\\') => match self.bump() {
                    Some(c @ ('\\' | '"' | '\'')) => content.push(c),
                    Some('n') => content.push('\n'),
                    Some('t') => content.push('\t'),
                    _ => {
                        return Err(Fault::new(&(at..self.at), "unknown escape", "write \\\\ for a backslash; \\\" \\' \\n \\t also work"));
                    }
                },
                Some(c) => content.push(c),
            }
        }
    }

    fn bracketed(&mut self, start: usize) -> Result<Token, Box<Fault>> {
        self.bump();
        let from = self.at;
        while let Some(c) = self.bump() {
            if c == ']' {
                let name = self.text[from..self.at - 1].trim().to_owned();
                if name.is_empty() {
                    return Err(Fault::new(&(start..self.at), "no field between the brackets", "write its name, such as [Plan tier]"));
                }
                return Ok(Token::Name { name, bracketed: true });
            }
        }
        Err(Fault::new(&(start..self.at), "the field name is not closed", "add the closing ]"))
    }

    fn name(&mut self) -> Token {
        let start = self.at;
        self.bump();
        while let Some(c) = self.peek() {
            let inner = c.is_alphanumeric() || c == '_';
            let dot = c == '.' && self.second().is_some_and(|next| next.is_alphanumeric() || next == '_');
            if !inner && !dot {
                break;
            }
            self.bump();
        }
        Token::Name { name: self.text[start..self.at].to_owned(), bracketed: false }
    }

    fn sign(&mut self, start: usize) -> Result<Token, Box<Fault>> {
        let first = self.bump();
        let second = self.peek();
        let (token, two) = match (first, second) {
            (Some('|'), Some('|')) => (Token::Op(Op::Or), true),
            (Some('&'), Some('&')) => (Token::Op(Op::And), true),
            (Some('='), Some('=')) => (Token::Op(Op::Eq), true),
            (Some('!'), Some('=')) | (Some('<'), Some('>')) => (Token::Op(Op::Ne), true),
            (Some('<'), Some('=')) => (Token::Op(Op::Le), true),
            (Some('>'), Some('=')) => (Token::Op(Op::Ge), true),
            (Some('='), _) => (Token::Op(Op::Eq), false),
            (Some('<'), _) => (Token::Op(Op::Lt), false),
            (Some('>'), _) => (Token::Op(Op::Gt), false),
            (Some('&'), _) => (Token::Op(Op::Join), false),
            (Some('+'), _) => (Token::Op(Op::Add), false),
            (Some('-'), _) => (Token::Op(Op::Sub), false),
            (Some('*'), _) => (Token::Op(Op::Mul), false),
            (Some('/'), _) => (Token::Op(Op::Div), false),
            (Some('^'), _) => (Token::Op(Op::Pow), false),
            (Some('!'), _) => (Token::Bang, false),
            (Some('('), _) => (Token::Open, false),
            (Some(')'), _) => (Token::Close, false),
            (Some(','), _) => (Token::Comma, false),
            _ => {
                let found = &self.text[start..self.at];
                let remedy = match found {
                    ";" => "separate arguments with a comma",
                    "|" => "write || for or",
                    "“" | "”" | "„" | "‘" | "’" => "use straight quotes: \"",
                    _ => "remove it, or put it in quotes if it is text",
                };
                return Err(Fault::new(&(start..self.at), format!("`{found}` has no meaning here"), remedy));
            }
        };
        if two {
            self.bump();
        }
        Ok(token)
    }
}
