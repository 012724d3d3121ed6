//! The grammar of selectors, read octet by octet without tokens in between.
//!
//! ```text
//! selector := [ or ]
//! or       := and ( "||" and )*
//! and      := unary ( "&&" unary )*
//! unary    := "!"* primary
//! primary  := "(" or ")" | "has(" label ")" | "all(" ")" | "global(" ")" | label condition
//! condition := ( "==" | "!=" | "contains" | "starts with" | "ends with" ) string
//!           | ( "in" | "not in" ) "{" [ string ( "," string )* [ "," ] ] "}"
//! ```
//!
//! Blanks are spaces and tabs. A string stands in either kind of quotes and knows no escapes.

use std::fmt;

use super::Expression;

/// Parentheses inside of each other at most. A field of a resource holds 1,024 characters, and
/// nobody writes a tenth of this by hand; it keeps the stack small.
pub const NESTING_MAX: usize = 128;

/// The longest name of a label, in octets.
const LABEL_MAX: usize = 512;

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// Where, in octets from the start.
    pub at: usize,
    /// What was found, in words.
    pub found: String,
    /// What was expected, in words.
    pub expected: &'static str,
    /// What was probably meant, or why it is so.
    pub hint: Option<&'static str>,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, found, expected, hint } = self;
        write!(f, "found {found} at octet {}, expected {expected}", at + 1)?;
        hint.map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for SelectorError {}

pub(super) fn parse(text: &str) -> Result<Expression, SelectorError> {
    let mut reader = Reader { text, at: 0, nesting: 0 };
    reader.blanks();
    if reader.rest().is_empty() {
        return Ok(Expression::All);
    }
    let expression = reader.or()?;
    reader.blanks();
    if reader.rest().is_empty() {
        return Ok(expression);
    }
    let hint = match reader.next() {
        Some(b'&') => Some("and is &&"),
        Some(b'|') => Some("or is ||"),
        Some(b'\n' | b'\r') => Some(LINE_END),
        _ => None,
    };
    Err(reader.fault("&&, || or the end", hint))
}

const LINE_END: &str =
    "only spaces and tabs are blanks; a YAML block text ends with an end of line";

const CONDITION: &str = "==, !=, contains, starts with, ends with, in or not in";

struct Reader<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
}

type Parsed<T> = Result<T, SelectorError>;

const fn is_label(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.' | b'/' | b'-')
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn next(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    }

    /// Steps over a text if it comes next.
    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token.as_bytes());
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn fault(&self, expected: &'static str, hint: Option<&'static str>) -> SelectorError {
        // Each step is over ASCII or a whole string, so this is a boundary.
        let found = match self.text[self.at..].chars().next() {
            None => "the end".to_owned(),
            Some(c) if c.is_ascii() && is_label(c as u8) => {
                let word = self.rest().iter().take_while(|octet| is_label(**octet)).count();
                let word = &self.text[self.at..self.at + word.min(WORD_MAX)];
                format!("`{word}`")
            }
            Some(c) => format!("`{}`", c.escape_debug()),
        };
        SelectorError { at: self.at, found, expected, hint }
    }

    fn or(&mut self) -> Parsed<Expression> {
        self.joined("||", Self::and, Expression::Or)
    }

    fn and(&mut self) -> Parsed<Expression> {
        self.joined("&&", Self::unary, Expression::And)
    }

    fn joined(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Parsed<Expression>,
        make: fn(Box<[Expression]>) -> Expression,
    ) -> Parsed<Expression> {
        let first = operand(self)?;
        self.blanks();
        if !self.rest().starts_with(word.as_bytes()) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.eat(word) {
            operands.push(operand(self)?);
            self.blanks();
        }
        Ok(make(operands.into()))
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let mut negated = false;
        loop {
            self.blanks();
            if !self.eat("!") {
                break;
            }
            negated = !negated;
        }
        let operand = self.primary()?;
        Ok(match operand {
            operand if !negated => operand,
            Expression::Not(inner) => *inner,
            operand => Expression::Not(Box::new(operand)),
        })
    }

    fn primary(&mut self) -> Parsed<Expression> {
        if self.rest().starts_with(b"(") {
            return self.parenthesis();
        }
        for (name, function) in [("all(", Expression::All), ("global(", Expression::Global)] {
            if self.eat(name) {
                self.closing()?;
                return Ok(function);
            }
        }
        if self.eat("has(") {
            self.blanks();
            let key = self.label("the name of a label")?;
            self.closing()?;
            return Ok(Expression::Has(key));
        }
        let key = self.label("a label, has(…), all(), global(), ! or (")?;
        self.condition(key)
    }

    fn parenthesis(&mut self) -> Parsed<Expression> {
        if self.nesting == NESTING_MAX {
            return Err(self.fault("at most 128 parentheses inside of each other", None));
        }
        self.at += 1;
        self.nesting += 1;
        let inner = self.or()?;
        self.nesting -= 1;
        self.closing()?;
        Ok(inner)
    }

    fn closing(&mut self) -> Parsed<()> {
        self.blanks();
        if self.eat(")") { Ok(()) } else { Err(self.fault(")", None)) }
    }

    fn label(&mut self, expected: &'static str) -> Parsed<Box<str>> {
        let length = self.rest().iter().take_while(|octet| is_label(**octet)).count();
        match length {
            0 => {
                let hint = match self.next() {
                    Some(b'"' | b'\'') => Some("the label comes first: label == \"value\""),
                    Some(b'\n' | b'\r') => Some(LINE_END),
                    _ => None,
                };
                Err(self.fault(expected, hint))
            }
            1..=LABEL_MAX => {
                let label = &self.text[self.at..self.at + length];
                self.at += length;
                Ok(label.into())
            }
            _ => Err(self.fault("the name of a label of at most 512 octets", None)),
        }
    }

    fn condition(&mut self, key: Box<str>) -> Parsed<Expression> {
        let blank = matches!(self.next(), Some(b' ' | b'\t'));
        self.blanks();
        let make: fn(Box<str>, Box<str>) -> Expression = if self.eat("==") {
            Expression::Equal
        } else if self.eat("!=") {
            Expression::NotEqual
        } else if self.word(&["contains"]) {
            Expression::Contains
        } else if self.word(&["starts", "with"]) {
            Expression::StartsWith
        } else if self.word(&["ends", "with"]) {
            Expression::EndsWith
        } else if self.word(&["not", "in"]) {
            return Ok(Expression::NotIn(key, self.set()?));
        } else if self.word(&["in"]) {
            return Ok(Expression::In(key, self.set()?));
        } else {
            let function = matches!(&*key, "has" | "all" | "global");
            let hint = match self.next() {
                Some(b'=') => Some("equal is =="),
                Some(b'(') if blank && function => Some("no blank may stand before the ("),
                Some(b'\n' | b'\r') => Some(LINE_END),
                None | Some(b')' | b'&' | b'|') => Some("for a label's presence write has(label)"),
                _ => None,
            };
            return Err(self.fault(CONDITION, hint));
        };
        Ok(make(key, self.string()?))
    }

    /// Steps over an operator of one or two words, if no letter follows it.
    fn word(&mut self, words: &[&str]) -> bool {
        let start = self.at;
        for word in words {
            self.blanks();
            if !self.eat(word) {
                self.at = start;
                return false;
            }
        }
        if self.next().is_some_and(is_label) {
            self.at = start;
            return false;
        }
        true
    }

    fn string(&mut self) -> Parsed<Box<str>> {
        self.blanks();
        let Some(quote @ (b'"' | b'\'')) = self.next() else {
            let hint = match self.next() {
                Some(octet) if is_label(octet) => Some("values stand in quotes"),
                _ => None,
            };
            return Err(self.fault("a text in quotes", hint));
        };
        let start = self.at + 1;
        let Some(length) = self.rest()[1..].iter().position(|octet| *octet == quote) else {
            let hint = "the text has no end; there are no escapes, use the other quotes around it";
            return Err(self.fault("a text in quotes", Some(hint)));
        };
        self.at = start + length + 1;
        Ok(self.text[start..start + length].into())
    }

    fn set(&mut self) -> Parsed<Box<[Box<str>]>> {
        self.blanks();
        if !self.eat("{") {
            return Err(self.fault("{", None));
        }
        let mut values = Vec::new();
        loop {
            self.blanks();
            if self.eat("}") {
                break;
            }
            values.push(self.string()?);
            self.blanks();
            if !self.eat(",") {
                if self.eat("}") {
                    break;
                }
                return Err(self.fault(", or }", None));
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values.into())
    }
}

/// The longest word repeated in a fault, in octets.
const WORD_MAX: usize = 60;
