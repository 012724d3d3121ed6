//! The generated parts of `docs/PERFORMANCE.md`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// A generated part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// Everybody against everybody.
    Race,
    /// Albedo on some processors against Albedo on others.
    Cores,
}

impl Part {
    /// What stands before and after it.
    const fn marks(self) -> [&'static str; 2] {
        match self {
            Self::Race => ["<!-- race: begin -->", "<!-- race: end -->"],
            Self::Cores => ["<!-- cores: begin -->", "<!-- cores: end -->"],
        }
    }
}

/// The document.
pub(crate) fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PERFORMANCE.md")
}

/// Puts `new` where the document has a generated part.
pub(crate) fn write(path: &Path, part: Part, new: &str) -> Result<()> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let text = replace(&text, part, new).with_context(|| format!("{shown}"))?;
    fs::write(path, text).with_context(|| format!("cannot write {shown}"))
}

fn replace(text: &str, part: Part, new: &str) -> Result<String> {
    let [begin, end] = part.marks();
    let expected = || format!("one line `{begin}` and one line `{end}` after it are needed");
    let (before, rest) = text.split_once(begin).with_context(expected)?;
    let (_, after) = rest.split_once(end).with_context(expected)?;
    let has_mark = |text: &str| text.contains(begin) || text.contains(end);
    ensure!(!has_mark(before) && !has_mark(after), expected());
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", new.trim()))
}

#[cfg(test)]
mod tests {
    use super::{Part, path, replace, write};

    const BEGIN: &str = "<!-- race: begin -->";
    const END: &str = "<!-- race: end -->";

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("# A\n{BEGIN}\nold\n{END}\n## B\n");
        let once = replace(&text, Part::Race, "\nnew\n").expect("marks");
        assert_eq!(once, format!("# A\n{BEGIN}\n\nnew\n\n{END}\n## B\n"));
        assert_eq!(replace(&once, Part::Race, "new").expect("marks"), once);
        assert!(replace(&text, Part::Cores, "new").is_err());
    }

    #[test]
    fn without_both_marks_in_order_nothing_is_written() {
        let doubled = format!("{BEGIN}{END}{BEGIN}{END}");
        for text in ["", BEGIN, END, &format!("{END}{BEGIN}"), &doubled] {
            assert!(replace(text, Part::Race, "new").is_err(), "{text}");
        }
    }

    #[test]
    fn the_document_has_all_marks() {
        let text = std::fs::read_to_string(path()).expect("docs/PERFORMANCE.md");
        let folder = tempfile::tempdir().expect("temporary folder");
        let copy = folder.path().join("copy.md");
        for part in [Part::Race, Part::Cores] {
            std::fs::write(&copy, &text).expect("writable");
            write(&copy, part, "| new |").expect("marks");
            let new = std::fs::read_to_string(&copy).expect("readable");
            let [begin, end] = part.marks();
            assert!(new.contains(&format!("{begin}\n\n| new |\n\n{end}")), "{new}");
            assert_eq!(new.split(begin).next(), text.split(begin).next());
            assert_eq!(new.split(end).last(), text.split(end).last());
        }
    }
}
