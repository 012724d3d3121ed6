//! The machine that a result comes from.

use std::fs;

use serde::{Deserialize, Serialize};

/// Where it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Processors that may be used.
    pub processors: usize,
    /// What the processors are called; empty where the kernel does not tell.
    pub processor_model: String,
    /// Memory, in octets; 0 where the kernel does not tell.
    pub memory: u64,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(1, Into::into),
            processor_model: value(&read("/proc/cpuinfo"), "model name").to_owned(),
            memory: kibibytes(value(&read("/proc/meminfo"), "MemTotal")),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// The value of the first line `name: value`; empty where there is none.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let of = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    };
    text.lines().find_map(of).unwrap_or_default()
}

fn kibibytes(text: &str) -> u64 {
    let number = text.trim_end_matches("kB").trim();
    number.parse::<u64>().map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Machine, kibibytes, value};

    #[test]
    fn the_kernels_words_are_read() {
        let text = "processor\t: 0\nmodel name\t: A: B 3000\nmodel name\t: C\n";
        assert_eq!(value(text, "model name"), "A: B 3000");
        assert_eq!(value(text, "model"), "");
        assert_eq!((kibibytes("2048 kB"), kibibytes("")), (2 << 20, 0));
        let this = Machine::this();
        assert!(this.processors > 0 && this.memory > 0 && !this.kernel.is_empty());
    }
}
