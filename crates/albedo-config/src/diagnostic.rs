//! What is wrong with a configuration: where, what was found, what is allowed.

use std::fmt;

/// A place in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The environment variable the value came from; then line and column are zero.
    pub(crate) variable: Option<&'static str>,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// Characters to underline; at least one.
    pub(crate) width: usize,
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
pub(crate) enum Show {
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
pub(crate) struct Fault {
    pub(crate) found: String,
    pub(crate) allowed: String,
    pub(crate) hint: Option<String>,
    pub(crate) show: Show,
}

impl Fault {
    pub(crate) fn new(found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { found: found.into(), allowed: allowed.into(), ..Self::default() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Longest excerpt of a line, in characters; a longer line is not shown.
pub(crate) const EXCERPT_MAX: usize = 160;

/// Collects faults while a file is read.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    faults: Vec<(Place, Diagnostic)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: text.lines().collect(), faults: Vec::new() }
    }

    pub(crate) fn fault(&mut self, place: Place, key: &str, fault: Fault) {
        let excerpt = self.excerpt(place, fault.show);
        let diagnostic = Diagnostic {
            file: place.variable.map_or(self.file, |_| "environment").to_owned(),
            line: place.line,
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
    pub(crate) fn name(&self, place: Place) -> String {
        match place.variable {
            Some(variable) => variable.to_owned(),
            None => format!("{}:{}:{}", self.file, place.line, place.column),
        }
    }

    /// `value`, or every fault in order of place. What an alias repeats is told once.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
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
