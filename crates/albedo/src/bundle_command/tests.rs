use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;

#[test]
fn an_archive_has_its_files_and_tells_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar.gz");
    let bundle = Bundle {
        files: vec![("status.json".to_owned(), "{}".to_owned())],
        missing: vec!["/metrics: nobody answered".to_owned()],
    };
    write(&path, &bundle).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(&path).unwrap()));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.push((entry.path().unwrap().display().to_string(), text));
    }
    let expected = [
        ("albedo-bundle/status.json", "{}"),
        ("albedo-bundle/missing.txt", "/metrics: nobody answered\n"),
    ];
    assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    // What is there is not written over.
    let error = write(&path, &bundle).unwrap_err();
    assert!(error.to_string().contains("exists"), "{error}");
}
