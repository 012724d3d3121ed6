//! What is wrong with a resource, and what is odd about one that was taken.

use std::fmt;
use std::sync::Arc;

use super::Kind;

/// Why a resource was not taken: every fault of it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) kind: Option<Kind>,
    pub(super) name: Option<Arc<str>>,
    pub(super) text: String,
}

impl Fault {
    /// For what is wrong outside of a resource's text, such as a file that cannot be read.
    #[must_use]
    pub const fn new(kind: Option<Kind>, name: Option<Arc<str>>, text: String) -> Self {
        Self { kind, name, text }
    }

    /// The kind, if it could be told.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The name, if it could be told.
    #[must_use]
    pub const fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }
}

impl fmt::Display for Fault {
    /// Where, which field, what was found, what was allowed; a file's with the line itself. It may
    /// have several lines, without an end of line behind the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

/// What is odd about a resource that was taken all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub(super) text: String,
}

impl Warning {
    /// One line.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self { text }
    }
}

impl fmt::Display for Warning {
    /// Where, which field, and what; one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
