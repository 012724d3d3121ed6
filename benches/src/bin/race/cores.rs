//! On which processors things run.
//!
//! Programs are started through `taskset`. Albedo's runtime and its shards size themselves by the
//! processors they may use, so pinning is all that is needed to see how it scales.

use std::fs;

use anyhow::{Context as _, Result, ensure};

/// A place for a daemon and one for the generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pins {
    /// The daemon's processors.
    pub(crate) daemon: Vec<usize>,
    /// The generator's.
    pub(crate) generator: Vec<usize>,
}

impl Pins {
    /// The first `count` of some processors for the daemon and the others for the generator;
    /// `None` where there is none left.
    pub(crate) fn split(processors: &[usize], count: usize) -> Option<Self> {
        let (daemon, generator) = processors.split_at_checked(count)?;
        let is_possible = !daemon.is_empty() && !generator.is_empty();
        is_possible.then(|| Self { daemon: daemon.to_vec(), generator: generator.to_vec() })
    }
}

/// What starts a program on some processors.
pub(crate) fn prefix(processors: &[usize]) -> Vec<String> {
    let list: Vec<String> = processors.iter().map(usize::to_string).collect();
    vec!["taskset".to_owned(), "--cpu-list".to_owned(), list.join(",")]
}

/// The processors that this process may use.
pub(crate) fn allowed() -> Result<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    parse(list.context("the kernel does not tell which processors may be used")?)
}

/// Reads a list such as `0-3,8`.
fn parse(list: &str) -> Result<Vec<usize>> {
    let mut out = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.trim().parse::<usize>().with_context(|| format!("`{list}`: not processors"))
        };
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last, "`{list}`: {first} is more than {last}");
        out.extend(first..=last);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Pins, parse, prefix};

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(parse("\t0-2,5\n").ok(), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse("7").ok(), Some(vec![7]));
        for wrong in ["", "a", "3-1", "1,"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_generator_gets_the_rest_or_the_count_is_left_out() {
        let pins = Pins { daemon: vec![0, 2], generator: vec![4] };
        assert_eq!(Pins::split(&[0, 2, 4], 2), Some(pins));
        for count in [0, 3, 4] {
            assert_eq!(Pins::split(&[0, 2, 4], count), None);
        }
        assert_eq!(prefix(&[0, 2]), ["taskset", "--cpu-list", "0,2"]);
    }
}
