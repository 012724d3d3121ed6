//! Where the recordings lie: beside the checkout, because they are not ours to publish.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;

/// The folder of the recordings; `None`, with a line that says so, where there is none.
///
/// # Panics
///
/// If there is none and `CI` is set: nothing may be left out there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "no recordings in {}, and CI=true leaves nothing out", folder.display());
    eprintln!("left out: no recordings in {}", folder.display());
    None
}

/// The content of a recording, unpacked if it is packed.
pub(crate) fn read(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut content = Vec::new();
    let read = if name.ends_with(".gz") {
        GzDecoder::new(file).read_to_end(&mut content)
    } else {
        { file }.read_to_end(&mut content)
    };
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(content)
}
