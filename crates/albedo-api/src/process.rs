//! The numbers of this process, from `/proc`; Linux only, as the rest.

use std::fs;

/// Clock ticks in a second of `/proc/[pid]/stat`: `USER_HZ`, 100 on every architecture that the
/// standard library of Rust is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is known of the process; zero where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// User and system CPU time, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Open file descriptors.
    pub(crate) open_fds: u64,
    /// File descriptors that may be open.
    pub(crate) max_fds: u64,
    /// Virtual memory in bytes.
    pub(crate) virtual_bytes: u64,
    /// Resident memory in bytes.
    pub(crate) resident_bytes: u64,
    /// When the process started, in seconds since the epoch.
    pub(crate) start_seconds: f64,
    /// Threads.
    pub(crate) threads: u64,
}

/// Resident memory in bytes; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(word_after(&status, "VmRSS:") * 1024)
}

impl Process {
    /// Reads the numbers of this process.
    pub(crate) fn read() -> Self {
        let file = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let open_fds = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            // Listing the descriptors opens one more.
            open_fds: (open_fds as u64).saturating_sub(1),
            ..Self::parse(
                &file("/proc/self/stat"),
                &file("/proc/self/status"),
                &file("/proc/self/limits"),
                &file("/proc/stat"),
            )
        }
    }

    fn parse(stat: &str, status: &str, limits: &str, system: &str) -> Self {
        // The name of the program stands in brackets and may hold anything, brackets too.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        // What follows the name is field 3.
        let ticks = |field: usize| -> f64 {
            fields.split_whitespace().nth(field - 3).and_then(|n| n.parse().ok()).unwrap_or(0.0)
        };
        let boot = word_after(system, "btime") as f64;
        Self {
            cpu_seconds: (ticks(14) + ticks(15)) / TICKS_PER_SECOND,
            open_fds: 0,
            max_fds: word_after(limits, "Max open files"),
            virtual_bytes: word_after(status, "VmSize:") * 1024,
            resident_bytes: word_after(status, "VmRSS:") * 1024,
            start_seconds: boot + ticks(22) / TICKS_PER_SECOND,
            threads: word_after(status, "Threads:"),
        }
    }
}

/// The number that is the first word of the rest of the line that starts with `key`.
fn word_after(text: &str, key: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_s_formats() {
        let stat = "4711 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 6 0 12300 99 98 97";
        let status = "Name:\talbedo\nVmSize:\t  2048 kB\nVmRSS:\t 1024 kB\nThreads:\t6\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\n\
                      Max open files            1024                 4096                 files\n";
        let read = Process::parse(stat, status, limits, "cpu 1 2 3\nbtime 1700000000\n");
        let expected = Process {
            cpu_seconds: 4.0,
            open_fds: 0,
            max_fds: 1024,
            virtual_bytes: 2_097_152,
            resident_bytes: 1_048_576,
            start_seconds: 1_700_000_123.0,
            threads: 6,
        };
        assert_eq!(read, expected);
        assert_eq!(Process::parse("", "", "", ""), Process::default());
    }

    #[test]
    fn knows_this_process() {
        let read = Process::read();
        assert!(read.resident_bytes > 0 && read.resident_bytes < read.virtual_bytes, "{read:?}");
        assert!(read.open_fds >= 3 && read.open_fds <= read.max_fds, "{read:?}");
        assert!(read.threads >= 1 && read.start_seconds > 1.6e9, "{read:?}");
    }
}
