//! Which tests show which requirement: the letters of `docs/REQUIREMENTS.md` in tests' names.
//!
//! A name begins with the letters of what it shows, `g6_…` or `s1_s3_…`; nothing else is looked
//! at, so that the answer is what a reader of the tests would find.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::run::say;

/// The table.
const TABLE: &str = "docs/REQUIREMENTS.md";
/// Where this is tried out on texts that look like tests.
const OWN: &str = "crates/xtask/src/rfc/";
/// What a row begins with that is known and not built.
const LEFT_OUT: &str = "*left out*";

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    letter: String,
    demand: String,
}

/// A test and where it is.
#[derive(Debug, PartialEq, Eq)]
struct Test {
    name: String,
    file: String,
}

/// Prints the tests of each requirement; with `check` it is a fault that one has none.
///
/// # Errors
/// The table or a source cannot be read; with `check`, every letter without a test and every
/// test with a letter that is not in the table.
pub(crate) fn run(repo: &Repo, check: bool) -> Result<()> {
    let read =
        |name: &str| fs::read_to_string(repo.root().join(name)).with_context(|| name.to_owned());
    let rows = rows(&read(TABLE)?);
    let mut tests = Vec::new();
    let is_source = |name: &String| name.ends_with(".rs") && !name.starts_with(OWN);
    for file in repo.files()?.into_iter().filter(is_source) {
        let text = read(&file)?;
        tests.extend(names(&text).map(|name| Test { name: name.to_owned(), file: file.clone() }));
    }
    let shown = by_letter(&rows, &tests);
    for row in &rows {
        say(&format!("{}: {}", row.letter, row.demand));
        for test in shown.get(&*row.letter).into_iter().flatten() {
            say(&format!("    {} ({})", test.name, test.file));
        }
    }
    let faults = faults(&rows, &shown);
    for fault in &faults {
        say(&format!("rfc: {fault}"));
    }
    if check && !faults.is_empty() {
        bail!("rfc: {} of {} rows", faults.len(), rows.len());
    }
    Ok(())
}

/// The rows of the table: lines with a letter in the first of two columns.
fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let (letter, demand) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        is_letter(&letter.to_ascii_lowercase())
            .then(|| Row { letter: letter.to_ascii_lowercase(), demand: demand.to_owned() })
    };
    text.lines().filter_map(row).collect()
}

/// Whether a text is a letter: one or two letters and a number.
fn is_letter(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = text.len() - number.len();
    (1..=2).contains(&letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|octet| octet.is_ascii_digit())
}

/// The names of the tests in a source: functions behind an attribute that ends with `test`, and
/// whatever else stands between.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(attribute) = line.strip_prefix("#[") {
            let path = attribute.split(['(', ']']).next().unwrap_or_default();
            is_test |= path == "test" || path.ends_with("::test");
            return None;
        }
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
        std::mem::take(&mut is_test).then_some(name)
    })
}

/// The family of a letter: it without its number.
fn family(letter: &str) -> &str {
    letter.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Tests by the letters that their names begin with, as far as they are of families in the table.
fn by_letter<'t>(rows: &[Row], tests: &'t [Test]) -> BTreeMap<&'t str, Vec<&'t Test>> {
    let is_known =
        |part: &&str| is_letter(part) && rows.iter().any(|row| family(&row.letter) == family(part));
    let mut shown: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        for letter in test.name.split('_').take_while(is_known) {
            shown.entry(letter).or_default().push(test);
        }
    }
    shown
}

fn faults(rows: &[Row], shown: &BTreeMap<&str, Vec<&Test>>) -> Vec<String> {
    let missing = |row: &Row| {
        let is_shown = shown.contains_key(&*row.letter);
        match row.demand.starts_with(LEFT_OUT) {
            true if is_shown => Some(format!("{} is left out and has a test", row.letter)),
            false if !is_shown => Some(format!("{} has no test", row.letter)),
            _ => None,
        }
    };
    let unknown = |(letter, tests): (&&str, &Vec<&Test>)| {
        let known = rows.iter().any(|row| row.letter == **letter);
        let first = tests.first().map_or("", |test| &test.name);
        (!known).then(|| format!("{letter} of {first} is not in {TABLE}"))
    };
    rows.iter().filter_map(missing).chain(shown.iter().filter_map(unknown)).collect()
}

#[cfg(test)]
mod tests;
