//! Every file of `tests/bad` against the text beside it, to the letter.
//!
//! `ALBEDO_BLESS=1 cargo test -p albedo-config` writes the texts anew; read the difference.

#![allow(missing_docs, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use albedo_config::{Surroundings, parse};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

fn surroundings() -> Surroundings {
    Surroundings { overrides: Vec::new(), cores: 2 }
}

fn files(extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder is in the repository")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_is_told_to_the_letter() {
    let bless = std::env::var_os("ALBEDO_BLESS").is_some();
    let mut wrong = Vec::new();
    let bad = files("yaml");
    assert!(bad.len() >= 40, "{} files", bad.len());
    for path in &bad {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        // Names of files in it are made relative to what the machine calls this folder.
        let here = format!("{}/", folder().display());
        let told = match parse(name, &text, &folder(), &surroundings()) {
            Ok(config) => format!("no fault: {config:#?}\n"),
            Err(faults) => format!("{faults}\n").replace(&here, ""),
        };
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told != expected {
            wrong.push(format!("--- {name}, expected:\n{expected}--- found:\n{told}"));
        }
        assert!(!told.starts_with("no fault"), "{name}: {told}");
        assert!(!told.contains("hunter2"), "{name} shows a password:\n{told}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files("txt").len(), bad.len(), "texts without a file");
}
