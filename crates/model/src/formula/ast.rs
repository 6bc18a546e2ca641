//! The parsed form of a formula.

use std::ops::Range;

use super::function::Func;
use crate::value::Value;

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Join,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

impl Op {
    /// How tightly it binds; all are left-associative, as in spreadsheets.
    pub(super) fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => 4,
            Self::Join => 5,
            Self::Add | Self::Sub => 6,
            Self::Mul | Self::Div => 7,
            Self::Pow => 9,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Join => "&",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Pow => "^",
        }
    }
}

/// Binding power of `NOT a = b`, which negates the comparison.
pub(super) const NOT_POWER: u8 = 3;
/// Binding power of the minus sign and of `!`.
pub(super) const SIGN_POWER: u8 = 8;

#[derive(Debug)]
pub(super) enum Node {
    Literal(Value),
    Field(String),
    Prior(String),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Call(Func, Vec<Expr>),
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) node: Node,
    pub(super) span: Range<usize>,
    /// Levels below and including this one; bounded by the parser, so that recursion over the tree is.
    pub(super) depth: usize,
}

impl Expr {
    pub(super) fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Self)) {
        seen(self);
        match &self.node {
            Node::Literal(_) | Node::Field(_) | Node::Prior(_) => {}
            Node::Not(one) | Node::Minus(one) => one.visit(seen),
            Node::Binary(_, left, right) => {
                left.visit(seen);
                right.visit(seen);
            }
            Node::Call(_, args) => args.iter().for_each(|arg| arg.visit(seen)),
        }
    }

    /// Whether both are written alike, wherever they stand.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (Node::Literal(a), Node::Literal(b)) => a == b,
            (Node::Field(a), Node::Field(b)) | (Node::Prior(a), Node::Prior(b)) => a == b,
            (Node::Not(a), Node::Not(b)) | (Node::Minus(a), Node::Minus(b)) => a.same(b),
            (Node::Binary(op, a, b), Node::Binary(other_op, c, d)) => op == other_op && a.same(c) && b.same(d),
            (Node::Call(func, args), Node::Call(other_func, others)) => {
                func == other_func && args.len() == others.len() && args.iter().zip(others).all(|(a, b)| a.same(b))
            }
            _ => false,
        }
    }
}
