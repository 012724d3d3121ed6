//! The machine a race was run on, and the day.

use std::fs;
use std::time::SystemTime;

use serde::Serialize;

use crate::cores;

/// Where and when.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Machine {
    /// The day, in UTC.
    pub(crate) date: String,
    /// The processor's name.
    pub(crate) processor: String,
    /// Processors that may be used.
    pub(crate) cores: usize,
    /// Memory, in octets.
    pub(crate) memory: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The distribution.
    pub(crate) system: String,
    /// Processes that ran or wanted to, over the minute before the start.
    pub(crate) load: String,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        #[expect(clippy::disallowed_methods, reason = "the day is written into the tables")]
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let kib = field(&read("/proc/meminfo"), "MemTotal", ':');
        let kib: u64 = kib.trim_end_matches("kB").trim().parse().unwrap_or_default();
        let load = read("/proc/loadavg");
        Self {
            date: now.split('T').next().unwrap_or_default().to_owned(),
            processor: field(&read("/proc/cpuinfo"), "model name", ':'),
            cores: cores::allowed().map_or(0, |cores| cores.len()),
            memory: kib * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '=').replace('"', ""),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// In one line.
    pub(crate) fn words(&self) -> String {
        let Self { date, processor, cores, memory, kernel, system, load } = self;
        let gib = memory / (1 << 30);
        let processor = if processor.is_empty() { std::env::consts::ARCH } else { processor };
        format!(
            "{date}; {processor}, {cores} cores, {gib} GiB of memory; {system}, kernel {kernel}; \
             load before the start {load}"
        )
    }
}

/// The first value of a name in lines of names and values.
fn field(text: &str, name: &str, separator: char) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(separator));
    let mut values = lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    values.next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Machine, field};

    #[test]
    fn fields_are_found() {
        let text = "processor\t: 0\nmodel name\t: EPYC: 3\nmodel name\t: other\n";
        assert_eq!(field(text, "model name", ':'), "EPYC: 3");
        assert_eq!(field(text, "flags", ':'), "");
    }

    #[test]
    fn this_machine_has_a_date_and_cores() {
        let machine = Machine::this();
        assert_eq!(machine.date.len(), "2000-01-01".len(), "{machine:?}");
        assert!(machine.cores > 0 && machine.memory > 0, "{machine:?}");
        assert!(machine.words().starts_with(&machine.date));
    }
}
