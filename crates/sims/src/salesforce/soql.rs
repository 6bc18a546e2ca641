//! The query language: from text to a tree of names, before anything is known about the objects.

use super::fail::{Fail, Outcome};

/// Longest accepted query, in characters.
const QUERY_CHARS_MAX: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    Number(f64),
    Date(String),
    Datetime(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Like,
    In,
    NotIn,
    Includes,
    Excludes,
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Test { field: String, op: Op, values: Vec<Literal> },
}

#[derive(Debug, Clone)]
pub(crate) enum Item {
    Field(String),
    Aggregate { function: String, field: Option<String>, alias: Option<String> },
    Children(Box<Select>),
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub field: String,
    pub descending: bool,
    pub nulls_last: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Select {
    pub items: Vec<Item>,
    pub from: String,
    pub filter: Option<Expr>,
    pub group: Vec<String>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Literal(Literal),
    Sign(&'static str),
    End,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
}

/// Reads one query.
pub(crate) fn parse(text: &str) -> Outcome<Select> {
    if text.chars().count() > QUERY_CHARS_MAX {
        return Err(Fail::bad("QUERY_TOO_COMPLICATED", "SOQL statement is too long"));
    }
    let tokens = tokenize(text)?;
    let mut parser = Parser { text, tokens, at: 0 };
    let select = parser.select(0)?;
    match parser.peek() {
        Token::End => Ok(select),
        _ => Err(parser.unexpected()),
    }
}

fn malformed(text: &str, at: usize, what: &str) -> Fail {
    let before = &text[..at.min(text.len())];
    let row = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let from = text[..at.min(text.len())].char_indices().rev().nth(20).map_or(0, |(i, _)| i);
    let to = text[at.min(text.len())..].char_indices().nth(20).map_or(text.len(), |(i, _)| at + i);
    Fail::bad("MALFORMED_QUERY", format!("\n{}\n^\nERROR at Row:{row}:Column:{column}\n{what}", &text[from..to]))
}

const SIGNS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

fn tokenize(text: &str) -> Outcome<Vec<(Token, usize)>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if byte == b'\'' {
            let (value, end) = quoted(text, at)?;
            tokens.push((Token::Literal(Literal::Text(value)), at));
            at = end;
        } else if byte.is_ascii_alphabetic() || byte == b'_' {
            let end = end_of(bytes, at, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
            tokens.push((Token::Word(text[at..end].to_owned()), at));
            at = end;
        } else if byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.') {
            let end = end_of(bytes, at + 1, |b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'.' | b'-' | b'+'));
            let literal =
                unquoted(&text[at..end]).ok_or_else(|| malformed(text, at, &format!("unexpected token: '{}'", &text[at..end])))?;
            tokens.push((Token::Literal(literal), at));
            at = end;
        } else {
            let sign = SIGNS.iter().find(|sign| text[at..].starts_with(**sign));
            let Some(sign) = sign else {
                let odd = text[at..].chars().next().unwrap_or(' ');
                return Err(malformed(text, at, &format!("line 1:{at} no viable alternative at character '{odd}'")));
            };
            tokens.push((Token::Sign(if *sign == "<>" { "!=" } else { sign }), at));
            at += sign.len();
        }
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

fn end_of(bytes: &[u8], from: usize, inside: impl Fn(u8) -> bool) -> usize {
    bytes[from.min(bytes.len())..].iter().position(|b| !inside(*b)).map_or(bytes.len(), |n| from + n)
}

fn quoted(text: &str, at: usize) -> Outcome<(String, usize)> {
    let mut value = String::new();
    let mut chars = text[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '\'' => return Ok((value, at + 1 + offset + 1)),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n' | 'N') => value.push('\n'),
                Some('r' | 'R') => value.push('\r'),
                Some('t' | 'T') => value.push('\t'),
                // In LIKE these stay escaped, so that they mean themselves.
                Some(c @ ('_' | '%')) => value.extend(['\\', c]),
                Some(c @ ('\'' | '"' | '\\')) => value.push(c),
                _ => return Err(malformed(text, at, "Invalid string literal. Illegal character sequence in string literal")),
            },
            c => value.push(c),
        }
    }
    Err(malformed(text, at, "unterminated string literal"))
}

fn unquoted(text: &str) -> Option<Literal> {
    if text.len() > 10 && text.contains('T') {
        return super::cell::read_datetime(text).map(Literal::Datetime);
    }
    if let Some(date) = super::cell::read_date(text) {
        return Some(Literal::Date(date));
    }
    text.parse().ok().map(Literal::Number)
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn unexpected(&self) -> Fail {
        let (token, at) = &self.tokens[self.at.min(self.tokens.len() - 1)];
        let what = match token {
            Token::End => "unexpected token: '<EOF>'".to_owned(),
            Token::Word(word) => format!("unexpected token: '{word}'"),
            Token::Sign(sign) => format!("unexpected token: '{sign}'"),
            Token::Literal(_) => format!("unexpected token: '{}'", self.text[*at..].split_whitespace().next().unwrap_or_default()),
        };
        malformed(self.text, *at, &what)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Outcome<String> {
        match self.peek() {
            Token::Word(word) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn need_word(&mut self, word: &str) -> Outcome<()> {
        if self.takes_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn need_sign(&mut self, sign: &str) -> Outcome<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn select(&mut self, depth: usize) -> Outcome<Select> {
        self.need_word("SELECT")?;
        let mut select = Select::default();
        loop {
            select.items.push(self.item(depth)?);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.need_word("FROM")?;
        select.from = self.word()?;
        let clause = ["WHERE", "ORDER", "GROUP", "LIMIT", "OFFSET", "FOR", "USING", "WITH"];
        if let Token::Word(word) = self.peek()
            && !clause.iter().any(|c| word.eq_ignore_ascii_case(c))
        {
            let alias = self.word()?;
            strip_alias(&mut select, &alias);
        }
        if self.takes_word("WHERE") {
            select.filter = Some(self.any()?);
        }
        if self.takes_word("GROUP") {
            self.need_word("BY")?;
            loop {
                let field = self.word()?;
                select.group.push(field);
                if !self.takes_sign(",") {
                    break;
                }
            }
        }
        if self.takes_word("ORDER") {
            self.need_word("BY")?;
            self.orders(&mut select)?;
        }
        if self.takes_word("LIMIT") {
            select.limit = Some(self.count()?);
        }
        if self.takes_word("OFFSET") {
            select.offset = self.count()?;
            if select.offset > 2000 {
                return Err(Fail::bad("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"));
            }
        }
        Ok(select)
    }

    fn orders(&mut self, select: &mut Select) -> Outcome<()> {
        loop {
            let field = self.word()?;
            let descending = if self.takes_word("DESC") {
                true
            } else {
                self.takes_word("ASC");
                false
            };
            let mut nulls_last = false;
            if self.takes_word("NULLS") {
                nulls_last = self.takes_word("LAST");
                if !nulls_last {
                    self.need_word("FIRST")?;
                }
            }
            select.order.push(Order { field, descending, nulls_last });
            if !self.takes_sign(",") {
                return Ok(());
            }
        }
    }

    fn count(&mut self) -> Outcome<usize> {
        match self.peek() {
            Token::Literal(Literal::Number(n)) if *n >= 0.0 && n.fract() == 0.0 => {
                let n = *n as usize;
                self.at += 1;
                Ok(n)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn item(&mut self, depth: usize) -> Outcome<Item> {
        if self.takes_sign("(") {
            if depth > 0 {
                return Err(malformed(self.text, self.tokens[self.at].1, "nesting of child sub-queries is limited"));
            }
            let select = self.select(depth + 1)?;
            self.need_sign(")")?;
            return Ok(Item::Children(Box::new(select)));
        }
        let name = self.word()?;
        if !self.takes_sign("(") {
            return Ok(Item::Field(name));
        }
        let field = if self.takes_sign(")") {
            None
        } else {
            let field = self.word()?;
            self.need_sign(")")?;
            Some(field)
        };
        let function = name.to_ascii_uppercase();
        let known = matches!(function.as_str(), "COUNT" | "COUNT_DISTINCT" | "MIN" | "MAX" | "SUM" | "AVG" | "FIELDS");
        if !known || (field.is_none() && function != "COUNT") {
            return Err(malformed(self.text, self.tokens[self.at.saturating_sub(1)].1, &format!("Invalid function: {name}")));
        }
        let alias = match self.peek() {
            Token::Word(word) if !word.eq_ignore_ascii_case("FROM") => Some(self.word()?),
            _ => None,
        };
        Ok(Item::Aggregate { function, field, alias })
    }

    /// AND and OR may not be mixed without parentheses; NOT binds one test.
    fn any(&mut self) -> Outcome<Expr> {
        let first = self.one()?;
        if self.is_word("AND") {
            let mut all = vec![first];
            while self.takes_word("AND") {
                all.push(self.one()?);
            }
            return if self.is_word("OR") { Err(self.unexpected()) } else { Ok(Expr::And(all)) };
        }
        if self.is_word("OR") {
            let mut any = vec![first];
            while self.takes_word("OR") {
                any.push(self.one()?);
            }
            return if self.is_word("AND") { Err(self.unexpected()) } else { Ok(Expr::Or(any)) };
        }
        Ok(first)
    }

    fn one(&mut self) -> Outcome<Expr> {
        if self.takes_word("NOT") {
            return Ok(Expr::Not(Box::new(self.one()?)));
        }
        if self.takes_sign("(") {
            let inner = self.any()?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        let field = self.word()?;
        let op = self.operator()?;
        let values = match op {
            Op::In | Op::NotIn | Op::Includes | Op::Excludes => {
                self.need_sign("(")?;
                let mut values = Vec::new();
                loop {
                    values.push(self.literal()?);
                    if !self.takes_sign(",") {
                        break;
                    }
                }
                self.need_sign(")")?;
                values
            }
            _ => vec![self.literal()?],
        };
        Ok(Expr::Test { field, op, values })
    }

    fn operator(&mut self) -> Outcome<Op> {
        let op = match self.peek() {
            Token::Sign("=") => Op::Eq,
            Token::Sign("!=") => Op::Ne,
            Token::Sign("<") => Op::Lt,
            Token::Sign(">") => Op::Gt,
            Token::Sign("<=") => Op::Le,
            Token::Sign(">=") => Op::Ge,
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "LIKE" => Op::Like,
                "IN" => Op::In,
                "INCLUDES" => Op::Includes,
                "EXCLUDES" => Op::Excludes,
                "NOT" => {
                    self.at += 1;
                    if !self.is_word("IN") {
                        return Err(self.unexpected());
                    }
                    Op::NotIn
                }
                _ => return Err(self.unexpected()),
            },
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(op)
    }

    fn literal(&mut self) -> Outcome<Literal> {
        let literal = match self.peek() {
            Token::Literal(literal) => literal.clone(),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Literal::Null,
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Bool(false),
            _ => return Err(self.unexpected()),
        };
        self.next();
        Ok(literal)
    }
}

/// `SELECT c.Id FROM Contact c`: names lose the alias, once it is known.
fn strip_alias(select: &mut Select, alias: &str) {
    let prefix = format!("{}.", alias.to_ascii_lowercase());
    for item in &mut select.items {
        if let Item::Field(name) = item
            && name.to_ascii_lowercase().starts_with(&prefix)
        {
            *name = name[prefix.len()..].to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyset_page_is_read_as_written() {
        let q = "SELECT Id, Account.Name, (SELECT Id FROM Contacts LIMIT 2) FROM Account \
                 WHERE (SystemModstamp = 2026-01-01T00:00:00.000Z AND Id > '001x') OR SystemModstamp > 2026-01-01T00:00:00+0000 \
                 ORDER BY SystemModstamp, Id DESC NULLS LAST LIMIT 2000 OFFSET 5";
        let select = parse(q).unwrap();
        assert_eq!(select.items.len(), 3);
        assert!(matches!(select.filter, Some(Expr::Or(ref any)) if any.len() == 2));
        assert_eq!((select.limit, select.offset, select.order.len()), (Some(2000), 5, 2));
        assert!(select.order[1].descending && select.order[1].nulls_last);
    }

    #[test]
    fn a_wrong_word_is_refused_with_its_column() {
        let fail = parse("SELECT Id FROMM Account").unwrap_err();
        assert_eq!(fail.code, "MALFORMED_QUERY");
        assert!(fail.message.contains("ERROR at Row:1:Column:11"), "{}", fail.message);
        for bad in
            ["", "SELECT FROM X", "SELECT Id FROM X WHERE", "SELECT Id FROM X WHERE A = 'b", "SELECT Id FROM X WHERE A=1 AND B=2 OR C=3"]
        {
            assert_eq!(parse(bad).unwrap_err().code, "MALFORMED_QUERY", "{bad}");
        }
    }

    #[test]
    fn quotes_and_backslashes_are_unescaped() {
        let select = parse(r"SELECT Id FROM X WHERE N = 'O\'Brien \\ Co'").unwrap();
        let Some(Expr::Test { values, .. }) = select.filter else { panic!("no test") };
        assert_eq!(values, [Literal::Text(r"O'Brien \ Co".to_owned())]);
    }
}
