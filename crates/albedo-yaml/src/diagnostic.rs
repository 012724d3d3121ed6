//! What is wrong with a configuration: where, what was found, what is allowed.

use std::fmt;
use std::rc::Rc;

/// A place in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The environment variable the value came from; then line and column are zero.
    pub variable: Option<&'static str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline; at least one.
    pub width: usize,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as it was named, or `environment`.
    pub file: String,
    /// Line, from 1; 0 for the environment.
    pub line: usize,
    /// Column in characters, from 1; 0 for the environment.
    pub column: usize,
    /// The key, such as `peerGroups[0].holdTime`; empty for the file as a whole.
    pub key: String,
    /// What was found, in words.
    pub found: String,
    /// What is allowed, in words.
    pub allowed: String,
    /// What was probably meant.
    pub hint: Option<String>,
    /// The line and how many characters of it to underline; left out where it may hold a secret.
    excerpt: Option<(String, usize)>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "found {}, expected {}", self.found, self.allowed)?;
        if let Some((text, width)) = &self.excerpt {
            let indent = self.column.saturating_sub(1);
            write!(f, "\n{:5} | {text}", self.line)?;
            write!(f, "\n      | {:indent$}{}", "", "^".repeat(*width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n      = {hint}")?;
        }
        Ok(())
    }
}

/// Every fault of a configuration, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The faults in the order of the file, those of the environment first.
    #[must_use]
    pub fn faults(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 fault"),
            count => write!(f, "{count} faults"),
        }
    }
}

impl std::error::Error for Diagnostics {}

/// How much of the line to show with a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All of it.
    #[default]
    Line,
    /// Up to what is underlined: what stands behind an unknown key may be a secret.
    Start,
    /// Nothing: the value is a secret.
    Nothing,
}

/// What to say of a fault.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// What was found, in words.
    pub found: String,
    /// What is allowed, in words.
    pub allowed: String,
    /// What was probably meant.
    pub hint: Option<String>,
    /// How much of the line may be shown.
    pub show: Show,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { found: found.into(), allowed: allowed.into(), ..Self::default() }
    }

    /// The same with what was probably meant.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Longest excerpt of a line, in characters; a longer line is not shown.
pub const EXCERPT_MAX: usize = 160;

/// Collects faults while a file is read.
#[derive(Debug)]
pub struct Report<'a> {
    file: &'a str,
    lines: Rc<[&'a str]>,
    /// Lines of the file in front of these.
    before: usize,
    faults: Vec<(Place, Diagnostic)>,
}

impl<'a> Report<'a> {
    /// For a text that is the whole of a file.
    #[must_use]
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self::of_part(file, text, 0)
    }

    /// For a text that is a part of a file, with so many lines in front of it. Places are counted
    /// from the start of the part.
    #[must_use]
    pub fn of_part(file: &'a str, text: &'a str, before: usize) -> Self {
        Self { file, lines: text.lines().collect(), before, faults: Vec::new() }
    }

    /// For a thing of its own in the same text: without the faults so far.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { lines: Rc::clone(&self.lines), faults: Vec::new(), ..*self }
    }

    /// The line of the file that a line of the text is.
    #[must_use]
    pub const fn line(&self, place: Place) -> usize {
        // What has no place in the file has none in any part of it.
        if place.line == 0 { 0 } else { place.line + self.before }
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Notes a fault at a place; `key` is the full key, empty for the file as a whole.
    pub fn fault(&mut self, place: Place, key: &str, fault: Fault) {
        let excerpt = self.excerpt(place, fault.show);
        let diagnostic = Diagnostic {
            file: place.variable.map_or(self.file, |_| "environment").to_owned(),
            line: self.line(place),
            column: place.column,
            key: place.variable.unwrap_or(key).to_owned(),
            found: fault.found,
            allowed: fault.allowed,
            hint: fault.hint,
            excerpt,
        };
        self.faults.push((place, diagnostic));
    }

    /// The line of a place, unless it is long or looks as if it held a password.
    fn excerpt(&self, place: Place, show: Show) -> Option<(String, usize)> {
        let line = self.lines.get(place.line.checked_sub(1)?)?.trim_end();
        let length = line.chars().count();
        if length == 0 || length > EXCERPT_MAX || line.to_ascii_lowercase().contains("passw") {
            return None;
        }
        let rest = length.saturating_sub(place.column - 1).max(1);
        let width = place.width.clamp(1, rest);
        let shown = match show {
            Show::Line => length,
            Show::Start => place.column - 1 + width,
            Show::Nothing => return None,
        };
        // A tab would shift the underline.
        let text = line.chars().take(shown).map(|c| if c == '\t' { ' ' } else { c }).collect();
        Some((text, width))
    }

    /// Where the file is named: `file:line:column`.
    #[must_use]
    pub fn name(&self, place: Place) -> String {
        match place.variable {
            None if place.line == 0 => self.file.to_owned(),
            Some(variable) => variable.to_owned(),
            None => format!("{}:{}:{}", self.file, self.line(place), place.column),
        }
    }

    /// `value`, or every fault in order of place. What an alias repeats is told once.
    ///
    /// # Errors
    ///
    /// The faults, if there is one.
    ///
    /// # Panics
    ///
    /// If there is neither a value nor a fault.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => {
                assert!(!self.faults.is_empty(), "no value without a fault");
                self.faults.sort_by_key(|fault| (fault.0.variable.is_none(), fault.0));
                let mut faults: Vec<_> = self.faults.into_iter().map(|(_, fault)| fault).collect();
                faults.dedup_by(|a, b| {
                    (a.line, a.column, &a.found, &a.allowed)
                        == (b.line, b.column, &b.found, &b.allowed)
                        && a.line > 0
                });
                Err(Diagnostics(faults))
            }
        }
    }
}
