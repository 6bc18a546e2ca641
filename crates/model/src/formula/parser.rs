//! From tokens to a tree: precedence climbing (Pratt), bounded in length and depth so that no text can exhaust the stack.

use std::ops::Range;

use super::ast::{Expr, NOT_POWER, Node, Op, SIGN_POWER};
use super::error::Fault;
use super::function::{self, FUNCTIONS};
use super::lexer::{Token, lex};
use crate::spelling::nearest;
use crate::value::Value;

/// Longest formula in bytes: about a hundred lines, far above what an administrator writes.
const FORMULA_MAX_BYTES: usize = 16_384;
/// Deepest nesting: evaluation recurses once per level, and a thread's stack is 2 MiB.
const DEPTH_MAX: usize = 100;

pub(super) fn parse(text: &str) -> Result<Expr, Box<Fault>> {
    if text.len() > FORMULA_MAX_BYTES {
        let message = format!("the formula has {} bytes and the most is {FORMULA_MAX_BYTES}", text.len());
        return Err(Fault::new(&(0..0), message, "split it into several fields"));
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0, level: 0 };
    if parser.token() == &Token::End {
        return Err(Fault::new(&(0..0), "the formula is empty", "write a field, a value or a function"));
    }
    let expr = parser.expr(0)?;
    match parser.token() {
        Token::End => Ok(expr),
        Token::Close => Err(parser.fault("there is a ) too many", "remove it, or open it with (")),
        Token::Name { name, .. } if name.eq_ignore_ascii_case("and") || name.eq_ignore_ascii_case("or") => {
            let sign = if name.eq_ignore_ascii_case("and") { "&&" } else { "||" };
            Err(parser.fault("AND and OR are functions", format!("write {}(a, b), or a {sign} b", name.to_uppercase())))
        }
        _ => Err(parser.fault("an operator is missing here", "join texts with &, conditions with && or ||")),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    level: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn advance(&mut self) {
        // The last token is `End` and is never passed.
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn fault(&self, message: impl Into<String>, remedy: impl Into<String>) -> Box<Fault> {
        Fault::new(&self.span(), message, remedy)
    }

    fn make(node: Node, span: Range<usize>) -> Result<Expr, Box<Fault>> {
        let below = match &node {
            Node::Literal(_) | Node::Field(_) | Node::Prior(_) => 0,
            Node::Not(one) | Node::Minus(one) => one.depth,
            Node::Binary(_, left, right) => left.depth.max(right.depth),
            Node::Call(_, args) => args.iter().map(|arg| arg.depth).max().unwrap_or(0),
        };
        if below >= DEPTH_MAX {
            return Err(too_deep(&span));
        }
        Ok(Expr { node, span, depth: below + 1 })
    }

    fn expr(&mut self, power: u8) -> Result<Expr, Box<Fault>> {
        self.level += 1;
        if self.level > DEPTH_MAX {
            return Err(too_deep(&self.span()));
        }
        let mut left = self.prefix()?;
        while let Token::Op(op) = *self.token() {
            if op.power() <= power {
                break;
            }
            self.advance();
            let right = self.expr(op.power())?;
            let span = left.span.start..right.span.end;
            left = Self::make(Node::Binary(op, Box::new(left), Box::new(right)), span)?;
        }
        self.level -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expr, Box<Fault>> {
        let span = self.span();
        let token = self.token().clone();
        self.advance();
        match token {
            Token::Number(number) => Self::make(Node::Literal(Value::Number(number)), span),
            Token::Text(text) => Self::make(Node::Literal(Value::Text(text)), span),
            Token::Name { name, bracketed } => self.named(name, bracketed, span),
            Token::Open => {
                let mut inner = self.expr(0)?;
                self.close(&span)?;
                inner.span = span.start..self.tokens[self.at - 1].1.end;
                Ok(inner)
            }
            Token::Op(Op::Sub) => {
                let inner = self.expr(SIGN_POWER)?;
                let span = span.start..inner.span.end;
                Self::make(Node::Minus(Box::new(inner)), span)
            }
            Token::Op(Op::Add) => self.expr(SIGN_POWER),
            Token::Bang => {
                let inner = self.expr(SIGN_POWER)?;
                let span = span.start..inner.span.end;
                Self::make(Node::Not(Box::new(inner)), span)
            }
            Token::End => Err(Fault::new(&span, "the formula ends too early", "add a field, a value or a function")),
            Token::Close | Token::Comma => Err(Fault::new(&span, "a value is missing here", "add a field, a value or a function")),
            Token::Op(op) => {
                Err(Fault::new(&span, format!("`{}` has nothing on its left", op.sign()), "add a field, a value or a function before it"))
            }
        }
    }

    fn close(&mut self, open: &Range<usize>) -> Result<(), Box<Fault>> {
        if self.token() == &Token::Close {
            self.advance();
            return Ok(());
        }
        if self.token() == &Token::End {
            return Err(Fault::new(open, "this ( is never closed", "add the closing )"));
        }
        Err(self.fault("expected ) or an operator here", "join texts with &, separate arguments with a comma"))
    }

    fn named(&mut self, name: String, bracketed: bool, span: Range<usize>) -> Result<Expr, Box<Fault>> {
        if bracketed {
            return Self::make(Node::Field(name), span);
        }
        let upper = name.to_uppercase();
        let called = self.token() == &Token::Open;
        if upper == "NOT" {
            // NOT(a) is a call that ends at its parenthesis; NOT a = b negates the comparison.
            let inner = if called { self.prefix()? } else { self.expr(NOT_POWER)? };
            let span = span.start..inner.span.end;
            return Self::make(Node::Not(Box::new(inner)), span);
        }
        if called {
            return self.call(&name, &upper, span);
        }
        match upper.as_str() {
            "TRUE" => Self::make(Node::Literal(Value::Bool(true)), span),
            "FALSE" => Self::make(Node::Literal(Value::Bool(false)), span),
            "NULL" => Self::make(Node::Literal(Value::Null), span),
            _ => Self::make(Node::Field(name), span),
        }
    }

    fn call(&mut self, name: &str, upper: &str, span: Range<usize>) -> Result<Expr, Box<Fault>> {
        let open = self.span();
        self.advance();
        if upper == "PRIORVALUE" {
            return self.prior(span, &open);
        }
        let Some(spec) = function::find(upper) else {
            let remedy = match nearest(name, FUNCTIONS.iter().map(|spec| spec.name)) {
                Some(known) => format!("did you mean {known}?"),
                None => "see the list of functions".to_owned(),
            };
            return Err(Fault::new(&span, format!("there is no function `{name}`"), remedy));
        };
        let mut args = Vec::new();
        if self.token() != &Token::Close {
            loop {
                args.push(self.expr(0)?);
                if self.token() != &Token::Comma {
                    break;
                }
                self.advance();
            }
        }
        self.close(&open)?;
        let span = span.start..self.tokens[self.at - 1].1.end;
        if args.len() < spec.least || args.len() > spec.most {
            let message = format!("{} has {} argument(s) here", spec.name, args.len());
            return Err(Fault::new(&span, message, format!("write {}", spec.usage)));
        }
        Self::make(Node::Call(spec.func, args), span)
    }

    fn prior(&mut self, span: Range<usize>, open: &Range<usize>) -> Result<Expr, Box<Fault>> {
        let Token::Name { name, .. } = self.token().clone() else {
            return Err(self.fault("PRIORVALUE takes the name of a field", "write PRIORVALUE(field)"));
        };
        self.advance();
        self.close(open)?;
        let span = span.start..self.tokens[self.at - 1].1.end;
        Self::make(Node::Prior(name), span)
    }
}

fn too_deep(span: &Range<usize>) -> Box<Fault> {
    let remedy = "use CASE, AND(...) or OR(...) instead of long chains, or split the formula into several fields";
    Fault::new(span, format!("the formula is nested deeper than {DEPTH_MAX} levels"), remedy)
}
