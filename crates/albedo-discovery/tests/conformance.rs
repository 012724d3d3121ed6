//! Files of resources, good and bad, against the text beside each, to the letter.
//!
//! `ALBEDO_BLESS=1 cargo test -p albedo-discovery` writes the texts anew; read the difference.

#![allow(missing_docs, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use albedo_discovery::calico::parse::{Documents, documents};

fn files(folder: &str, texts: bool) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calico").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is in the repository")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == "txt") == texts)
        .collect();
    files.sort();
    files
}

/// Compares what is told of each file of a folder.
fn compare(folder: &str, at_least: usize, tell: fn(&Documents) -> String) {
    let bless = std::env::var_os("ALBEDO_BLESS").is_some();
    let mut wrong = Vec::new();
    let inputs = files(folder, false);
    assert!(inputs.len() >= at_least, "{} files", inputs.len());
    for path in &inputs {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII");
        let text = fs::read_to_string(path).expect("the file was listed");
        let told = tell(&documents(&text, name));
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &told).expect("the folder can be written to");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told != expected {
            wrong.push(format!("--- {name}, expected:\n{expected}--- found:\n{told}"));
        }
        assert!(!told.contains("hunter2"), "{name} shows a password:\n{told}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files(folder, true).len(), inputs.len(), "texts without a file");
}

#[test]
fn every_good_file_is_read_to_the_letter() {
    compare("good", 9, |documents| {
        let mut told = String::new();
        for read in &documents.resources {
            let (resource, warnings) = read.as_ref().unwrap_or_else(|fault| panic!("{fault}"));
            writeln!(told, "{resource:#?}").unwrap();
            for warning in warnings {
                writeln!(told, "warning: {warning}").unwrap();
            }
        }
        for warning in &documents.skipped {
            writeln!(told, "skipped: {warning}").unwrap();
        }
        told
    });
}

#[test]
fn every_bad_file_is_told_to_the_letter() {
    compare("bad", 15, |documents| {
        let mut told = String::new();
        assert!(documents.skipped.is_empty());
        for read in &documents.resources {
            let Err(fault) = read else { panic!("no fault: {read:#?}") };
            let kind = fault.kind().map_or("-", |kind| kind.name());
            let name = fault.name().map_or("-", |name| name);
            writeln!(told, "[{kind} {name}]\n{fault}\n").unwrap();
        }
        told
    });
}
