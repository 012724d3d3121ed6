//! Links the program with relocations packed (`DT_RELR`), where the C library can read them.
//!
//! Every relocation is read at the start and would be 24 bytes of the file in memory; packed they
//! are two bits or so, which makes half a megabyte.

use std::process::Command;

/// The first glibc that reads packed relocations.
const GLIBC_MIN: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if is_built_for_this_machine() && glibc().is_some_and(|version| version >= GLIBC_MIN) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Nothing is known of another machine's C library.
fn is_built_for_this_machine() -> bool {
    let of = |name| std::env::var(name).ok();
    of("HOST") == of("TARGET") && of("CARGO_CFG_TARGET_ENV").as_deref() == Some("gnu")
}

/// The version of this machine's glibc, as `getconf` tells it: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    let (major, rest) = words.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
