//! The static check: every name exists and every part has a type that fits where it stands.

use std::ops::Range;

use super::ast::{Expr, Node, Op};
use super::environment::Schema;
use super::error::Fault;
use super::function::{self, Func, Gives, Param, Spec};
use super::kind::Type;
use crate::spelling::nearest;
use crate::value::Value;

type Checked<T = Type> = Result<T, Box<Fault>>;

pub(super) fn check(expr: &Expr, schema: &dyn Schema) -> Checked {
    match &expr.node {
        Node::Literal(value) => Ok(match value {
            Value::Text(_) => Type::Text,
            Value::Number(_) => Type::Number,
            Value::Bool(_) => Type::Boolean,
            _ => Type::Blank,
        }),
        Node::Field(name) => schema.type_of(name).ok_or_else(|| unknown(name, &expr.span, schema.names())),
        Node::Prior(name) => schema.prior_type_of(name).ok_or_else(|| unknown(name, &expr.span, schema.prior_names())),
        Node::Not(inner) => expect(inner, Type::Boolean, schema),
        Node::Minus(inner) => expect(inner, Type::Number, schema),
        Node::Binary(op, left, right) => binary(*op, left, right, &expr.span, schema),
        Node::Call(func, args) => match function::spec(*func) {
            Some(spec) => call(spec, args, &expr.span, schema),
            None => Err(Fault::new(&expr.span, "this function is not in the list", "use another function")),
        },
    }
}

fn unknown(name: &str, span: &Range<usize>, names: Vec<String>) -> Box<Fault> {
    let remedy = match nearest(name, names.iter().map(String::as_str)) {
        Some(known) => format!("did you mean `{known}`?"),
        None if names.is_empty() => "no field can be read here".to_owned(),
        None => format!("fields are {}", listed(&names)),
    };
    Fault::new(span, format!("there is no field `{name}`"), remedy)
}

/// The first names of a list, so that a message stays readable.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

fn accepts(wanted: Type, given: Type) -> bool {
    given == wanted || matches!(given, Type::Any | Type::Blank) || wanted == Type::Any || (wanted == Type::Text && given == Type::Ref)
}

fn expect(expr: &Expr, wanted: Type, schema: &dyn Schema) -> Checked {
    let given = check(expr, schema)?;
    if accepts(wanted, given) {
        return Ok(wanted);
    }
    Err(Fault::new(&expr.span, format!("expected {}, found {}", wanted.name(), given.name()), given.remedy(wanted)))
}

fn binary(op: Op, left: &Expr, right: &Expr, span: &Range<usize>, schema: &dyn Schema) -> Checked {
    match op {
        Op::And | Op::Or => {
            expect(left, Type::Boolean, schema)?;
            expect(right, Type::Boolean, schema)
        }
        Op::Join => {
            printable(left, schema)?;
            printable(right, schema)?;
            Ok(Type::Text)
        }
        Op::Mul | Op::Div | Op::Pow => {
            expect(left, Type::Number, schema)?;
            expect(right, Type::Number, schema)
        }
        Op::Add | Op::Sub => sum(op, left, right, span, schema),
        Op::Eq | Op::Ne => {
            comparable(left, right, schema)?;
            Ok(Type::Boolean)
        }
        Op::Lt | Op::Le | Op::Gt | Op::Ge => {
            let kind = comparable(left, right, schema)?;
            if matches!(kind, Type::Boolean | Type::Set | Type::Ref) {
                return Err(Fault::new(span, format!("{} has no order", kind.name()), "compare with = or <>"));
            }
            Ok(Type::Boolean)
        }
    }
}

fn comparable(left: &Expr, right: &Expr, schema: &dyn Schema) -> Checked {
    let (one, two) = (check(left, schema)?, check(right, schema)?);
    one.join(two).ok_or_else(|| Fault::new(&right.span, format!("{} cannot be compared with {}", one.name(), two.name()), two.remedy(one)))
}

fn sum(op: Op, left: &Expr, right: &Expr, span: &Range<usize>, schema: &dyn Schema) -> Checked {
    let (one, two) = (check(left, schema)?, check(right, schema)?);
    let is_day = |kind: Type| matches!(kind, Type::Date | Type::Datetime);
    let number = |kind: Type| accepts(Type::Number, kind);
    match (op, one, two) {
        (_, Type::Any, Type::Any) => Ok(Type::Any),
        (Op::Sub, one, two) if is_day(one) && (one == two || two == Type::Any) => {
            Ok(if two == Type::Any { Type::Any } else { Type::Number })
        }
        (_, one, two) if is_day(one) && number(two) => Ok(one),
        (Op::Add, one, two) if number(one) && is_day(two) => Ok(two),
        (_, one, two) if number(one) && number(two) => Ok(Type::Number),
        (Op::Add, Type::Text, _) | (Op::Add, _, Type::Text) => {
            Err(Fault::new(span, "texts cannot be added", "join texts with &, or turn them into numbers with VALUE(text)"))
        }
        _ => {
            let message = format!("{} and {} do not go with {}", one.name(), two.name(), op.sign());
            Err(Fault::new(span, message, "dates take a number of days; use DATEVALUE and VALUE to convert"))
        }
    }
}

fn printable(expr: &Expr, schema: &dyn Schema) -> Checked {
    let given = check(expr, schema)?;
    if given == Type::Set {
        return Err(Fault::new(&expr.span, "a set of texts has no single text", given.remedy(Type::Text)));
    }
    Ok(given)
}

fn call(spec: &Spec, args: &[Expr], span: &Range<usize>, schema: &dyn Schema) -> Checked {
    let mut types = Vec::with_capacity(args.len());
    for (place, arg) in args.iter().enumerate() {
        let param = spec.params.get(place).or(spec.params.last()).copied().unwrap_or(Param::Anything);
        types.push(match param {
            Param::Is(wanted) => expect(arg, wanted, schema)?,
            Param::Anything => check(arg, schema)?,
            Param::Printable => printable(arg, schema)?,
            Param::Day => {
                let given = check(arg, schema)?;
                if !matches!(given, Type::Date | Type::Datetime | Type::Any | Type::Blank) {
                    return Err(Fault::new(&arg.span, format!("expected a date, found {}", given.name()), given.remedy(Type::Date)));
                }
                given
            }
            Param::Items => {
                let given = check(arg, schema)?;
                if !matches!(given, Type::Set | Type::Text | Type::Any | Type::Blank) {
                    return Err(Fault::new(&arg.span, format!("expected a set of texts, found {}", given.name()), given.remedy(Type::Set)));
                }
                given
            }
        });
    }
    match spec.gives {
        Gives::Always(kind) => {
            convertible(spec.func, args, &types)?;
            Ok(kind)
        }
        Gives::Covers(from) => cover(args[from..].iter().zip(types[from..].iter().copied()), spec.func),
        Gives::Case => case(args, &types, span),
    }
}

/// `DATEVALUE` and `DATETIMEVALUE` read texts, days and instants.
fn convertible(func: Func, args: &[Expr], types: &[Type]) -> Checked<()> {
    if matches!(func, Func::DateValue | Func::DatetimeValue) && matches!(types[0], Type::Number | Type::Boolean | Type::Set | Type::Ref) {
        let message = format!("expected a text or a date, found {}", types[0].name());
        return Err(Fault::new(&args[0].span, message, "build a day from numbers with DATE(year, month, day)"));
    }
    Ok(())
}

fn cover<'a>(parts: impl Iterator<Item = (&'a Expr, Type)>, func: Func) -> Checked {
    let mut all = Type::Blank;
    for (arg, kind) in parts {
        if matches!(func, Func::Min | Func::Max) && matches!(kind, Type::Boolean | Type::Set | Type::Ref) {
            return Err(Fault::new(&arg.span, format!("{} has no order", kind.name()), "use numbers, dates or texts"));
        }
        all = all.join(kind).ok_or_else(|| {
            let message = format!("this is {} where the other results are {}", kind.name(), all.name());
            Fault::new(&arg.span, message, kind.remedy(all))
        })?;
    }
    Ok(all)
}

fn case(args: &[Expr], types: &[Type], span: &Range<usize>) -> Checked {
    let rest = args.len() - 1;
    if rest < 2 {
        return Err(Fault::new(span, "CASE has no result", "write CASE(value, match1, result1, ..., else)"));
    }
    let pairs = rest / 2;
    let mut results = Vec::with_capacity(pairs + 1);
    for pair in 0..pairs {
        let place = 1 + pair * 2;
        if types[0].join(types[place]).is_none() {
            let message = format!("{} cannot be compared with {}", types[0].name(), types[place].name());
            return Err(Fault::new(&args[place].span, message, types[place].remedy(types[0])));
        }
        results.push((&args[place + 1], types[place + 1]));
    }
    if rest % 2 == 1 {
        results.push((&args[rest], types[rest]));
    }
    cover(results.into_iter(), Func::Case)
}
