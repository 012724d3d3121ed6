//! Which files a path means.

use std::fs;
use std::path::{Path, PathBuf};

use super::FILES_MAX;

/// Directories in directories at most.
pub const DEPTH_MAX: usize = 32;

/// What files may end with in a directory; upper case counts as lower case.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The files of a path, in order.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// At most one more than [`FILES_MAX`].
    pub(super) files: Vec<PathBuf>,
    /// Why something could not be looked into.
    pub(super) unreadable: Option<String>,
}

/// Finds the files of a path: of a directory those with a known ending, of a pattern those that
/// match, and otherwise the file itself, be it there or not.
pub(super) fn find(path: &str, recursive: bool) -> Found {
    let mut found = Found::default();
    let as_path = Path::new(path);
    if as_path.is_dir() {
        walk(as_path, if recursive { DEPTH_MAX } else { 0 }, &mut found);
        return found;
    }
    if as_path.exists() || !path.contains(['*', '?', '[']) {
        found.files.push(as_path.into());
        return found;
    }
    let (folder, pattern) = match path.rsplit_once('/') {
        Some(("", pattern)) => ("/", pattern),
        Some((folder, pattern)) => (folder, pattern),
        None => (".", path),
    };
    if folder.contains(['*', '?', '[']) {
        found.unreadable =
            Some(format!("{path}: a pattern may only be in the last part of a path"));
        return found;
    }
    for (name, entry) in entries(Path::new(folder), &mut found) {
        // As in a shell, hidden ones have to be named.
        let hidden = name.starts_with('.') && !pattern.starts_with('.');
        if !hidden && matches(pattern, &name) && entry.is_file() {
            found.files.push(entry);
        }
    }
    found
}

fn walk(folder: &Path, deeper: usize, found: &mut Found) {
    for (name, path) in entries(folder, found) {
        if found.files.len() > FILES_MAX {
            return;
        }
        // Links to directories are not followed: in a mounted ConfigMap they would give every file
        // again, and elsewhere they may go round in a circle.
        let linked = fs::symlink_metadata(&path).is_ok_and(|it| it.file_type().is_symlink());
        if path.is_dir() {
            if !linked && deeper > 0 && !name.starts_with("..") {
                walk(&path, deeper - 1, found);
            }
            continue;
        }
        let extension = path.extension().and_then(|it| it.to_str()).map(str::to_ascii_lowercase);
        if extension.is_some_and(|it| EXTENSIONS.contains(&it.as_str())) {
            found.files.push(path);
        }
    }
}

/// What is in a folder, by name.
fn entries(folder: &Path, found: &mut Found) -> Vec<(String, PathBuf)> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()
    });
    let mut names = match listed {
        Ok(names) => names,
        Err(error) => {
            found.unreadable.get_or_insert_with(|| format!("{}: {error}", folder.display()));
            return Vec::new();
        }
    };
    names.sort_unstable();
    let path = |name: std::ffi::OsString| (name.to_string_lossy().into_owned(), folder.join(name));
    names.into_iter().map(path).collect()
}

/// Whether a name matches a pattern with `*`, `?` and `[…]`, which may have spans and, as first
/// character, `!`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut here) = (0, 0);
    // Where to go on if what follows the last star does not match: one character later.
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at + 1, here));
            at += 1;
            continue;
        }
        if let Some(next) = one(&pattern, at, name[here]) {
            (at, here) = (next, here + 1);
            continue;
        }
        let Some((after, from)) = star else { return false };
        star = Some((after, from + 1));
        (at, here) = (after, from + 1);
    }
    pattern[at..].iter().all(|part| *part == '*')
}

/// Where the pattern goes on if its part at a place matches a character.
fn one(pattern: &[char], at: usize, character: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => {
            // A bracket right at the beginning is a member; one that never closes is a character.
            let inside = at + 1 + usize::from(pattern.get(at + 1) == Some(&'!'));
            let close = pattern.iter().skip(inside + 1).position(|part| *part == ']');
            let Some(close) = close.map(|offset| inside + 1 + offset) else {
                return (character == '[').then_some(at + 1);
            };
            let negated = inside > at + 1;
            (in_set(&pattern[inside..close], character) != negated).then_some(close + 1)
        }
        part => (*part == character).then_some(at + 1),
    }
}

fn in_set(set: &[char], character: char) -> bool {
    let mut rest = set;
    while let [first, behind @ ..] = rest {
        if let ['-', last, behind @ ..] = behind {
            if (*first..=*last).contains(&character) {
                return true;
            }
            rest = behind;
        } else {
            if *first == character {
                return true;
            }
            rest = behind;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plain definition, which takes long for many stars.
    fn matches_plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=name.len()).any(|at| matches_plainly(rest, &name[at..])),
            (['?', rest @ ..], [_, name @ ..]) => matches_plainly(rest, name),
            ([part, rest @ ..], [first, name @ ..]) => part == first && matches_plainly(rest, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_definition_says(
            pattern in "[ab*?]{0,7}",
            name in "[ab]{0,8}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = matches_plainly(&chars(&pattern), &chars(&name));
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name) in [
            ("*", ""),
            ("*.yaml", "a.yaml"),
            ("a*b*c", "axxbyybzzc"),
            ("?", "ü"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("a[", "a["),
            ("**", "abc"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.yaml", "a.yml"),
            ("a*b*c", "axxbyybzz"),
            ("?", ""),
            ("[a-c]x", "dx"),
            ("[!a-c]x", "bx"),
            ("", "a"),
            ("a", "ab"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_directory_is_one_level_deep_unless_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("sub/deep")).expect("folders");
        for name in ["b.yaml", "a.JSON", "c.yml", "d.txt", "sub/e.yaml", "sub/deep/f.yaml"] {
            fs::write(root.join(name), "").expect("a file");
        }
        std::os::unix::fs::symlink(root, root.join("sub/again")).expect("a link");
        let names = |path: &str, recursive| {
            let found = find(path, recursive);
            assert_eq!(found.unreadable, None);
            let short = |file: &PathBuf| file.strip_prefix(root).map(|it| it.display().to_string());
            found.files.iter().map(short).collect::<Result<Vec<_>, _>>().expect("below the root")
        };
        let root_text = root.to_str().expect("a path");
        assert_eq!(names(root_text, false), ["a.JSON", "b.yaml", "c.yml"]);
        assert_eq!(
            names(root_text, true),
            ["a.JSON", "b.yaml", "c.yml", "sub/deep/f.yaml", "sub/e.yaml"]
        );
        assert_eq!(names(&format!("{root_text}/[bc].y*"), false), ["b.yaml", "c.yml"]);
        let bad = find(&format!("{root_text}/*/e.yaml"), false);
        assert!(bad.unreadable.expect("a fault").contains("only be in the last part"));
    }
}
