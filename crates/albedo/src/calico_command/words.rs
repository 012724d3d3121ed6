//! What the answers of a running reflector have in common.

use albedo_discovery::calico::write;
use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

pub(super) use crate::words::age;

/// Lines of one kind that are printed at most; how many there are is always told.
pub(super) const LINES_MAX: usize = 20;

/// How to print an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Text,
    /// All of it.
    Json,
    /// All of it.
    Yaml,
}

impl Output {
    /// An answer in this form; `text` makes the one for people.
    pub(super) fn render<T: Serialize>(
        self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<String> {
        Ok(match self {
            Self::Text => text(answer).trim_end().to_owned(),
            Self::Json => serde_json::to_string_pretty(answer)?,
            Self::Yaml => write::yaml(&serde_json::to_value(answer)?).trim_end().to_owned(),
        })
    }
}

/// The first lines of a kind, indented, of `count` that there are.
pub(super) fn listed(lines: impl IntoIterator<Item = String>, count: usize) -> String {
    let mut shown = 0;
    let mut text = String::new();
    for line in lines.into_iter().take(LINES_MAX) {
        text.push_str(&format!("  {line}\n"));
        shown += 1;
    }
    if count > shown {
        text.push_str(&format!("  and {} more\n", count - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_an_end_and_tell_what_is_left_out() {
        let lines = || (0..30).map(|n| n.to_string());
        let text = listed(lines(), 130);
        assert_eq!(text.lines().count(), LINES_MAX + 1);
        assert!(text.starts_with("  0\n  1\n") && text.ends_with("  19\n  and 110 more\n"));
        assert_eq!(listed(lines().take(2), 2), "  0\n  1\n");
    }
}
