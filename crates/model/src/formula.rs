//! The one formula language: mapping transforms, filters, validation rules, flow conditions and scores are written in it, with
//! the names that spreadsheet and CRM administrators know.
//!
//! A formula is parsed once ([`Formula::parse`]), checked against the fields it may read ([`Formula::check`]) when it is saved,
//! and evaluated many times ([`Formula::eval`]) under a [`Fuel`] limit. What it reads is known ([`Formula::reads`]), so that a
//! change recomputes what depends on it and nothing else.
//!
//! - Literals: `"text"` or `'text'` (a doubled quote or `\"` is a quote inside), `12.5`, `TRUE`, `FALSE`, `NULL`.
//! - Fields: `first_name`, `user_fields.plan_tier`, and `[Plan tier]` for names with other characters. Case matters.
//! - Operators, loosest first: `||`, `&&`, `NOT`, comparisons (`=` `<>` `!=` `<` `<=` `>` `>=`), `&` (joins texts), `+ -`, `* /`,
//!   minus sign, `^` (whole-number power).
//! - Functions: see [`Formula::functions`]. Case does not matter.
//! - Blank: blank text is the empty text; arithmetic with blank is blank; a comparison with blank is false, except that blank
//!   equals blank; a blank condition is false.

mod ast;
mod calendar;
mod check;
mod environment;
mod error;
mod eval;
mod fuel;
mod function;
mod kind;
mod lexer;
mod number;
mod parser;
pub mod person_name;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use environment::{Env, RecordEnv, Schema};
pub use error::FormulaError;
pub use fuel::Fuel;
pub use kind::Type;

use crate::value::Value;
use ast::{Expr, Node};

/// A parsed formula. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Formula {
    text: Arc<str>,
    root: Arc<Expr>,
    reads: Arc<BTreeSet<String>>,
    priors: Arc<BTreeSet<String>>,
    timed: bool,
}

impl PartialEq for Formula {
    /// Two formulas are equal when they are written alike, apart from white space and the case of function names.
    fn eq(&self, other: &Self) -> bool {
        self.root.same(&other.root)
    }
}

impl Formula {
    /// Parses a formula. The error points at the first place that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let root = parser::parse(text).map_err(|fault| fault.at(text))?;
        let (mut reads, mut priors, mut timed) = (BTreeSet::new(), BTreeSet::new(), false);
        root.visit(&mut |expr| match &expr.node {
            Node::Field(name) => {
                reads.insert(name.clone());
            }
            Node::Prior(name) => {
                priors.insert(name.clone());
            }
            Node::Call(function::Func::Today | function::Func::Now, _) => timed = true,
            _ => {}
        });
        Ok(Self { text: text.into(), root: Arc::new(root), reads: Arc::new(reads), priors: Arc::new(priors), timed })
    }

    /// Checks names and types against the fields the formula may read, and tells the type of its result.
    pub fn check(&self, schema: &dyn Schema) -> Result<Type, FormulaError> {
        check::check(&self.root, schema).map_err(|fault| fault.at(&self.text))
    }

    /// Computes the value. Fails on what the check cannot see: a division by zero, a text that is no number, spent fuel.
    pub fn eval(&self, env: &dyn Env, fuel: &mut Fuel) -> Result<Value, FormulaError> {
        eval::eval(&self.root, env, fuel).map_err(|fault| fault.at(&self.text))
    }

    /// Computes a condition: blank counts as false, and anything but true or false is an error.
    pub fn holds(&self, env: &dyn Env, fuel: &mut Fuel) -> Result<bool, FormulaError> {
        let value = self.eval(env, fuel)?;
        eval::to_bool(&value, &self.root.span).map_err(|fault| fault.at(&self.text))
    }

    /// Fields read, without those inside `PRIORVALUE`.
    #[must_use]
    pub fn reads(&self) -> &BTreeSet<String> {
        &self.reads
    }

    /// Fields whose prior value is read.
    #[must_use]
    pub fn priors(&self) -> &BTreeSet<String> {
        &self.priors
    }

    /// Whether the result depends on the present time (`TODAY`, `NOW`).
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.timed
    }

    /// The formula as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every function with its arguments and meaning, for editors and documentation: (`LEFT(text, count)`, what it gives).
    #[must_use]
    pub fn functions() -> Vec<(&'static str, &'static str)> {
        function::FUNCTIONS.iter().map(|spec| (spec.usage, spec.help)).collect()
    }
}
