//! Tells the program which compiler built it: results name it.

use std::env;
use std::io::Write as _;
use std::process::Command;

fn main() -> std::io::Result<()> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout);
    let mut out = std::io::stdout();
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    writeln!(out, "cargo::rustc-env=ALBEDO_LOADTEST_RUSTC={}", version.trim())
}
