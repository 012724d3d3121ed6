//! What a process has used, read from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`; Linux has had 100 on every architecture we run on.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// Memory it has resident now, in octets.
    pub resident: u64,
    /// Most memory it ever had resident, in octets.
    pub resident_peak: u64,
}

/// What the process has used since it started.
///
/// # Errors
/// Where there is no such process or `/proc` is not readable.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = stat_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let coarse = Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    // The scheduler's own figure has nanoseconds, but forgets threads that have ended.
    let fine = threads_cpu(pid).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Usage {
        cpu: fine.max(coarse),
        resident: status_octets(&status, "VmRSS:").unwrap_or_default(),
        resident_peak: status_octets(&status, "VmHWM:").unwrap_or_default(),
    })
}

/// What this process has used.
///
/// # Errors
/// Where `/proc` is not readable.
pub fn own_usage() -> io::Result<Usage> {
    usage(std::process::id())
}

/// User and system time of a `/proc/PID/stat` line, in ticks.
fn stat_ticks(stat: &str) -> Option<u64> {
    // The command may contain spaces and parentheses: count from the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A size of a `/proc/PID/status`, in octets.
fn status_octets(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// Processor time of the threads that live.
fn threads_cpu(pid: u32) -> io::Result<Duration> {
    let mut total = 0u64;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look: it then counts as nothing.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let nanos = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
        total += nanos.unwrap_or(0u64);
    }
    Ok(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::{own_usage, stat_ticks, status_octets, usage};

    #[test]
    fn the_lines_of_proc_are_read() {
        let stat = "7 (a) b)) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0";
        assert_eq!(stat_ticks(stat), Some(175));
        assert_eq!(stat_ticks("7 (x"), None);
        let status = "Name:\tx\nVmHWM:\t  1024 kB\nVmRSS:\t  4 kB\n";
        assert_eq!(status_octets(status, "VmHWM:"), Some(1 << 20));
        assert_eq!(status_octets(status, "VmRSS:"), Some(4096));
        assert_eq!(status_octets("Name:\tx\n", "VmHWM:"), None);
    }

    #[test]
    fn own_usage_grows_and_nobody_has_none() {
        let before = own_usage().expect("own /proc entry");
        let mut sum = 0u64;
        while own_usage().expect("own /proc entry").cpu == before.cpu {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(before.resident_peak > 0);
        assert!(usage(u32::MAX).is_err());
    }
}
