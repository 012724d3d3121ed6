//! What counts as being there.

use std::fs;

use super::{INSTALLED, UNPACKED, Unpacked, candidates, is_unpacked, names};

#[test]
fn package_lacking_one_program_is_not_unpacked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wanted = Unpacked { package: "some", programs: &["bin/one", "bin/two"] };
    let bin = folder.path().join("peers/some/bin");
    fs::create_dir_all(&bin).expect("folder");
    fs::write(bin.join("one"), "").expect("file");
    assert!(!is_unpacked(folder.path(), &wanted));
    fs::write(bin.join("two"), "").expect("file");
    assert!(is_unpacked(folder.path(), &wanted));
}

#[test]
fn library_is_looked_for_in_the_folders_of_this_machine() {
    let found = candidates("libx.so.1");
    assert!(found.iter().all(|path| path.ends_with("libx.so.1")), "{found:?}");
    assert!(found.iter().all(|path| path.to_string_lossy().contains("-linux-gnu")), "{found:?}");
}

#[test]
fn missing_packages_are_named() {
    let library = INSTALLED[0].0;
    assert_eq!(names(&[library], &[&UNPACKED[0]]), "iproute2 bird");
}
