//! The functions: names, arguments, result types and one line of help each. What they compute is in `eval` and its neighbours.

use super::kind::Type;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Func {
    If,
    Case,
    And,
    Or,
    IsBlank,
    BlankValue,
    IsPickVal,
    Includes,
    Contains,
    Begins,
    Ends,
    Left,
    Right,
    Mid,
    Len,
    Lower,
    Upper,
    Proper,
    Trim,
    Substitute,
    Find,
    Text,
    Value,
    Round,
    Floor,
    Ceiling,
    Abs,
    Min,
    Max,
    Mod,
    Today,
    Now,
    Date,
    DateValue,
    DatetimeValue,
    Year,
    Month,
    Day,
    AddMonths,
    DaysBetween,
    HtmlEncode,
    HtmlDecode,
    Concat,
    Split,
    JoinSet,
    Union,
    FirstWords,
    LastWord,
    NameGiven,
    NameFamily,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    Is(Type),
    /// A date, with or without time.
    Day,
    /// A set, or a text that counts as a set of one.
    Items,
    /// Anything with a text form.
    Printable,
    Anything,
}

/// How the type of the result follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Always(Type),
    /// The type that covers the arguments from this position on (`IF`, `BLANKVALUE`, `MIN`).
    Covers(usize),
    /// `CASE` has a rule of its own.
    Case,
}

#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) func: Func,
    pub(super) least: usize,
    pub(super) most: usize,
    /// Types of the arguments; the last one repeats.
    pub(super) params: &'static [Param],
    pub(super) gives: Gives,
    pub(super) usage: &'static str,
    pub(super) help: &'static str,
}

/// Most arguments of a function that takes many.
const MANY: usize = 100;

const TEXT: Param = Param::Is(Type::Text);
const NUMBER: Param = Param::Is(Type::Number);
const BOOLEAN: Param = Param::Is(Type::Boolean);
const GIVES_TEXT: Gives = Gives::Always(Type::Text);
const GIVES_NUMBER: Gives = Gives::Always(Type::Number);
const GIVES_BOOLEAN: Gives = Gives::Always(Type::Boolean);
const GIVES_DATE: Gives = Gives::Always(Type::Date);
const GIVES_SET: Gives = Gives::Always(Type::Set);

#[expect(clippy::too_many_arguments, reason = "one row of the table below")]
const fn row(
    name: &'static str,
    func: Func,
    least: usize,
    most: usize,
    params: &'static [Param],
    gives: Gives,
    usage: &'static str,
    help: &'static str,
) -> Spec {
    Spec { name, func, least, most, params, gives, usage, help }
}

pub(super) static FUNCTIONS: &[Spec] = &[
    row("IF", Func::If, 2, 3, &[BOOLEAN, Param::Anything], Gives::Covers(1), "IF(condition, then, else)", "one of two values"),
    row(
        "CASE",
        Func::Case,
        3,
        MANY,
        &[Param::Anything],
        Gives::Case,
        "CASE(value, match1, result1, ..., else)",
        "the result beside the first equal match",
    ),
    row("AND", Func::And, 1, MANY, &[BOOLEAN], GIVES_BOOLEAN, "AND(a, b, ...)", "true when all are"),
    row("OR", Func::Or, 1, MANY, &[BOOLEAN], GIVES_BOOLEAN, "OR(a, b, ...)", "true when one is"),
    row("ISBLANK", Func::IsBlank, 1, 1, &[Param::Anything], GIVES_BOOLEAN, "ISBLANK(value)", "true without a value"),
    row("ISNULL", Func::IsBlank, 1, 1, &[Param::Anything], GIVES_BOOLEAN, "ISNULL(value)", "the same as ISBLANK"),
    row(
        "BLANKVALUE",
        Func::BlankValue,
        2,
        2,
        &[Param::Anything],
        Gives::Covers(0),
        "BLANKVALUE(value, instead)",
        "the second when the first is blank",
    ),
    row("NULLVALUE", Func::BlankValue, 2, 2, &[Param::Anything], Gives::Covers(0), "NULLVALUE(value, instead)", "the same as BLANKVALUE"),
    row(
        "ISPICKVAL",
        Func::IsPickVal,
        2,
        2,
        &[TEXT],
        GIVES_BOOLEAN,
        "ISPICKVAL(picklist, \"value\")",
        "true when the picklist has that value",
    ),
    row(
        "INCLUDES",
        Func::Includes,
        2,
        2,
        &[Param::Items, TEXT],
        GIVES_BOOLEAN,
        "INCLUDES(set, \"item\")",
        "true when the set holds the item",
    ),
    row("CONTAINS", Func::Contains, 2, 2, &[TEXT], GIVES_BOOLEAN, "CONTAINS(text, part)", "true when the part occurs in the text"),
    row("BEGINS", Func::Begins, 2, 2, &[TEXT], GIVES_BOOLEAN, "BEGINS(text, start)", "true when the text starts so"),
    row("ENDS", Func::Ends, 2, 2, &[TEXT], GIVES_BOOLEAN, "ENDS(text, end)", "true when the text ends so"),
    row("LEFT", Func::Left, 2, 2, &[TEXT, NUMBER], GIVES_TEXT, "LEFT(text, count)", "the first characters"),
    row("RIGHT", Func::Right, 2, 2, &[TEXT, NUMBER], GIVES_TEXT, "RIGHT(text, count)", "the last characters"),
    row("MID", Func::Mid, 3, 3, &[TEXT, NUMBER], GIVES_TEXT, "MID(text, start, count)", "characters from a position on, counted from 1"),
    row("LEN", Func::Len, 1, 1, &[TEXT], GIVES_NUMBER, "LEN(text)", "number of characters"),
    row("LOWER", Func::Lower, 1, 1, &[TEXT], GIVES_TEXT, "LOWER(text)", "in lower case"),
    row("UPPER", Func::Upper, 1, 1, &[TEXT], GIVES_TEXT, "UPPER(text)", "in upper case"),
    row("PROPER", Func::Proper, 1, 1, &[TEXT], GIVES_TEXT, "PROPER(text)", "each word with a capital"),
    row("TRIM", Func::Trim, 1, 1, &[TEXT], GIVES_TEXT, "TRIM(text)", "without spaces at the ends and with single ones between"),
    row("SUBSTITUTE", Func::Substitute, 3, 3, &[TEXT], GIVES_TEXT, "SUBSTITUTE(text, old, new)", "with every occurrence replaced"),
    row("FIND", Func::Find, 2, 3, &[TEXT, TEXT, NUMBER], GIVES_NUMBER, "FIND(part, text, start)", "position counted from 1, or 0"),
    row("TEXT", Func::Text, 1, 1, &[Param::Printable], GIVES_TEXT, "TEXT(value)", "as text"),
    row("VALUE", Func::Value, 1, 1, &[TEXT], GIVES_NUMBER, "VALUE(text)", "as number"),
    row("ROUND", Func::Round, 1, 2, &[NUMBER], GIVES_NUMBER, "ROUND(number, digits)", "rounded, halves away from zero"),
    row("FLOOR", Func::Floor, 1, 1, &[NUMBER], GIVES_NUMBER, "FLOOR(number)", "the whole number below"),
    row("CEILING", Func::Ceiling, 1, 1, &[NUMBER], GIVES_NUMBER, "CEILING(number)", "the whole number above"),
    row("ABS", Func::Abs, 1, 1, &[NUMBER], GIVES_NUMBER, "ABS(number)", "without its sign"),
    row("MIN", Func::Min, 1, MANY, &[Param::Anything], Gives::Covers(0), "MIN(a, b, ...)", "the least that is not blank"),
    row("MAX", Func::Max, 1, MANY, &[Param::Anything], Gives::Covers(0), "MAX(a, b, ...)", "the greatest that is not blank"),
    row("MOD", Func::Mod, 2, 2, &[NUMBER], GIVES_NUMBER, "MOD(number, divisor)", "the rest of the division, with the divisor's sign"),
    row("TODAY", Func::Today, 0, 0, &[], GIVES_DATE, "TODAY()", "the present day"),
    row("NOW", Func::Now, 0, 0, &[], Gives::Always(Type::Datetime), "NOW()", "the present instant"),
    row("DATE", Func::Date, 3, 3, &[NUMBER], GIVES_DATE, "DATE(year, month, day)", "that day"),
    row("DATEVALUE", Func::DateValue, 1, 1, &[Param::Anything], GIVES_DATE, "DATEVALUE(text or instant)", "the day of it"),
    row(
        "DATETIMEVALUE",
        Func::DatetimeValue,
        1,
        1,
        &[Param::Anything],
        Gives::Always(Type::Datetime),
        "DATETIMEVALUE(text or day)",
        "the instant of it",
    ),
    row("YEAR", Func::Year, 1, 1, &[Param::Day], GIVES_NUMBER, "YEAR(date)", "its year"),
    row("MONTH", Func::Month, 1, 1, &[Param::Day], GIVES_NUMBER, "MONTH(date)", "its month, 1 to 12"),
    row("DAY", Func::Day, 1, 1, &[Param::Day], GIVES_NUMBER, "DAY(date)", "its day of the month"),
    row(
        "ADDMONTHS",
        Func::AddMonths,
        2,
        2,
        &[Param::Is(Type::Date), NUMBER],
        GIVES_DATE,
        "ADDMONTHS(date, months)",
        "that many months later, at the month's end where the day is missing",
    ),
    row("DAYSBETWEEN", Func::DaysBetween, 2, 2, &[Param::Day], GIVES_NUMBER, "DAYSBETWEEN(from, to)", "days from the first to the second"),
    row("HTMLENCODE", Func::HtmlEncode, 1, 1, &[TEXT], GIVES_TEXT, "HTMLENCODE(text)", "safe inside HTML"),
    row("HTMLDECODE", Func::HtmlDecode, 1, 1, &[TEXT], GIVES_TEXT, "HTMLDECODE(text)", "with entities such as &amp; read"),
    row("CONCAT", Func::Concat, 1, MANY, &[Param::Printable], GIVES_TEXT, "CONCAT(a, b, ...)", "joined into one text"),
    row("SPLIT", Func::Split, 2, 2, &[TEXT], GIVES_SET, "SPLIT(text, separator)", "the parts as a set"),
    row("JOIN", Func::JoinSet, 2, 2, &[Param::Items, TEXT], GIVES_TEXT, "JOIN(set, separator)", "the items as one text"),
    row("UNION", Func::Union, 1, MANY, &[Param::Items], GIVES_SET, "UNION(set, set, ...)", "all items of all sets"),
    row("FIRSTWORDS", Func::FirstWords, 1, 1, &[TEXT], GIVES_TEXT, "FIRSTWORDS(name)", "all words but the last"),
    row("LASTWORD", Func::LastWord, 1, 1, &[TEXT], GIVES_TEXT, "LASTWORD(name)", "the last word"),
    row(
        "NAMEGIVEN",
        Func::NameGiven,
        3,
        3,
        &[TEXT],
        GIVES_TEXT,
        "NAMEGIVEN(name, prior given, prior family)",
        "the given names of a person's full name",
    ),
    row(
        "NAMEFAMILY",
        Func::NameFamily,
        3,
        3,
        &[TEXT],
        GIVES_TEXT,
        "NAMEFAMILY(name, prior given, prior family)",
        "the family name of a person's full name",
    ),
];

/// Looks a function up by its name in upper case.
pub(super) fn find(upper: &str) -> Option<&'static Spec> {
    FUNCTIONS.iter().find(|spec| spec.name == upper)
}

/// The row of a function already resolved.
pub(super) fn spec(func: Func) -> Option<&'static Spec> {
    FUNCTIONS.iter().find(|spec| spec.func == func)
}
