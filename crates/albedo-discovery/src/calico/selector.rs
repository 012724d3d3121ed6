//! Selectors: conditions on labels, such as `has(reflector) && zone in {"a", "b"}`.

mod parse;

use std::fmt;

use super::Labels;

pub use parse::{NESTING_MAX, SelectorError};

/// A selector that was read.
///
/// `Display` prints the canonical form: double quotes where the value has none itself, sets in
/// order without repetitions, `&&` and `||` in parentheses. It reads back as an equal selector.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Selector(Expression);

/// What a selector says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expression {
    /// `all()`, and the empty selector: always.
    All,
    /// `global()`: always; it only tells namespaces from what has none.
    Global,
    /// `has(key)`.
    Has(Box<str>),
    /// `key == "value"`.
    Equal(Box<str>, Box<str>),
    /// `key != "value"`; a missing label counts as another value.
    NotEqual(Box<str>, Box<str>),
    /// `key contains "part"`.
    Contains(Box<str>, Box<str>),
    /// `key starts with "part"`.
    StartsWith(Box<str>, Box<str>),
    /// `key ends with "part"`.
    EndsWith(Box<str>, Box<str>),
    /// `key in {"value", …}`; the values in order, each once.
    In(Box<str>, Box<[Box<str>]>),
    /// `key not in {"value", …}`; a missing label counts as another value.
    NotIn(Box<str>, Box<[Box<str>]>),
    /// `!operand`; the operand is none itself.
    Not(Box<Self>),
    /// `(a && b && …)`; two or more.
    And(Box<[Self]>),
    /// `(a || b || …)`; two or more.
    Or(Box<[Self]>),
}

impl Selector {
    /// `all()`.
    pub const ALL: Self = Self(Expression::All);

    /// Reads one. The empty text is `all()`; where a field of a resource has it for "not set",
    /// that is decided before.
    ///
    /// # Errors
    ///
    /// If it is no selector: where, what was found, and what was expected.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text).map(Self)
    }

    /// Whether labels fulfil it. Values are compared octet by octet.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.holds(labels)
    }

    /// What it says.
    #[must_use]
    pub const fn expression(&self) -> &Expression {
        &self.0
    }
}

impl Expression {
    fn holds(&self, labels: &Labels) -> bool {
        let is = |key: &str, test: &dyn Fn(&str) -> bool| labels.get(key).is_some_and(test);
        let one_of = |values: &[Box<str>], value: &str| {
            values.binary_search_by(|other| (**other).cmp(value)).is_ok()
        };
        match self {
            Self::All | Self::Global => true,
            Self::Has(key) => is(key, &|_| true),
            Self::Equal(key, value) => is(key, &|found| found == &**value),
            Self::NotEqual(key, value) => !is(key, &|found| found == &**value),
            Self::Contains(key, part) => is(key, &|found| found.contains(&**part)),
            Self::StartsWith(key, part) => is(key, &|found| found.starts_with(&**part)),
            Self::EndsWith(key, part) => is(key, &|found| found.ends_with(&**part)),
            Self::In(key, values) => is(key, &|found| one_of(values, found)),
            Self::NotIn(key, values) => !is(key, &|found| one_of(values, found)),
            Self::Not(operand) => !operand.holds(labels),
            Self::And(operands) => operands.iter().all(|operand| operand.holds(labels)),
            Self::Or(operands) => operands.iter().any(|operand| operand.holds(labels)),
        }
    }
}

impl Default for Selector {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({self})")
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(key) => write!(f, "has({key})"),
            Self::Equal(key, value) => write!(f, "{key} == {}", Quoted(value)),
            Self::NotEqual(key, value) => write!(f, "{key} != {}", Quoted(value)),
            Self::Contains(key, part) => write!(f, "{key} contains {}", Quoted(part)),
            Self::StartsWith(key, part) => write!(f, "{key} starts with {}", Quoted(part)),
            Self::EndsWith(key, part) => write!(f, "{key} ends with {}", Quoted(part)),
            Self::In(key, values) => set(f, key, "in", values),
            Self::NotIn(key, values) => set(f, key, "not in", values),
            Self::Not(operand) => write!(f, "!{operand}"),
            Self::And(operands) => joined(f, operands, "&&"),
            Self::Or(operands) => joined(f, operands, "||"),
        }
    }
}

/// A value in the quotes that it does not hold itself.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains('"') { '\'' } else { '"' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

fn set(f: &mut fmt::Formatter<'_>, key: &str, word: &str, values: &[Box<str>]) -> fmt::Result {
    write!(f, "{key} {word} {{")?;
    for (index, value) in values.iter().enumerate() {
        let comma = if index == 0 { " " } else { ", " };
        write!(f, "{comma}{}", Quoted(value))?;
    }
    f.write_str(if values.is_empty() { "}" } else { " }" })
}

fn joined(f: &mut fmt::Formatter<'_>, operands: &[Expression], word: &str) -> fmt::Result {
    f.write_str("(")?;
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            write!(f, " {word} ")?;
        }
        write!(f, "{operand}")?;
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests;
