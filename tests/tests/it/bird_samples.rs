//! The configurations that the importer is shown are ones that BIRD itself takes.

use std::fs;
use std::process::Command;

use albedo_tests::tools::{must_run, obstacle, peer_program, repository};
use anyhow::{Context, Result, bail, ensure};

/// As many as there are at least, so that none gets lost by a name.
const SAMPLES_MIN: usize = 10;

#[test]
fn bird_takes_every_sample_of_the_importer() -> Result<()> {
    if let Some(why) = obstacle(&[]) {
        ensure!(!must_run(), "it cannot run: {why}");
        eprintln!("SKIPPED bird_samples: {why}");
        return Ok(());
    }
    let folder = repository().join("crates/albedo/tests/bird");
    let mut seen = 0;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let (package, program) = match text.lines().next() {
            Some("# bird") => ("bird", "usr/sbin/bird"),
            Some("# bird6") => ("bird", "usr/sbin/bird6"),
            Some("# bird2") => ("bird2", "usr/sbin/bird"),
            other => bail!("{}: which BIRD is {other:?}?", path.display()),
        };
        let mut command = Command::new(peer_program(package, program)?);
        let command = command.arg("-p").arg("-c").arg(&path).current_dir(&folder);
        let output = command.output().with_context(|| program)?;
        ensure!(output.status.success(), "{}: {output:?}", path.display());
        seen += 1;
    }
    ensure!(seen >= SAMPLES_MIN, "{seen} samples in {}", folder.display());
    Ok(())
}
