//! Runs one workload once, for a tool that counts instructions (`cargo xtask counts`).
//!
//! `counts --list` prints what there is; `counts decode/table` gets ready and then does the step
//! inside [`measured_step`], which is where the tool counts.
//! Each is a process of its own, so that no workload finds what another one left in the
//! allocator.

use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;

use albedo_benches::input::Input;
use albedo_benches::work::{self, Workload};

/// What ships has it, and it is of one version everywhere, which the system's is not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let line = if argument == "--list" { Some(list()) } else { run(&argument) };
    let Some(line) = line else {
        let _ = writeln!(std::io::stderr(), "counts: no workload {argument:?}; see --list");
        return ExitCode::FAILURE;
    };
    match write!(std::io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn list() -> String {
    let all = work::ALL.iter();
    all.flat_map(|work| Input::SHAPES.map(|shape| format!("{}/{shape}\n", work.name))).collect()
}

/// Does a workload's step once; `None` if there is no such workload.
fn run(name: &str) -> Option<String> {
    let (work, shape) = name.split_once('/')?;
    let (work, input) = (Workload::of(work)?, Input::of(shape)?);
    let mut step = (work.prepare)(&input);
    let handled = measured_step(&mut *step);
    Some(format!("{name}: {handled} {}\n", work.unit))
}

/// What is counted; the tool knows it by its name.
#[inline(never)]
fn measured_step(step: &mut dyn FnMut() -> usize) -> usize {
    // Nothing is left to do behind the call but this, so it is a call and no jump.
    black_box(step())
}
