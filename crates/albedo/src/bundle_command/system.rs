//! What the machine says of the process.

use std::fmt::Write as _;
use std::fs;

/// Of the process, under `/proc/PID`.
const PROCESS: [&str; 4] = ["status", "limits", "net/sockstat", "net/netstat"];
/// Of the machine.
const MACHINE: [&str; 11] = [
    "/proc/version",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/net/core/optmem_max",
    "/proc/sys/net/core/wmem_max",
    "/proc/sys/net/ipv4/tcp_congestion_control",
    "/proc/sys/net/ipv4/tcp_mem",
    "/proc/sys/net/ipv4/tcp_max_syn_backlog",
];
/// Variables that say how the process was begun; others may be anything.
const VARIABLES: [&str; 8] =
    ["ALBEDO_", "CALICO_", "DATASTORE_", "ETCD_", "IP", "AS", "NODENAME", "NAMESPACE"];
/// Parts of names of variables whose values are for nobody.
const SECRETS: [&str; 4] = ["PASSWORD", "KEY", "TOKEN", "SECRET"];

/// Files of a bundle.
pub(super) fn files(process: Option<u64>, missing: &mut Vec<String>) -> Vec<(String, String)> {
    let mut files = vec![
        ("version.txt".to_owned(), format!("albedo {}\n", env!("CARGO_PKG_VERSION"))),
        ("machine.txt".to_owned(), joined(MACHINE.map(str::to_owned).to_vec(), missing)),
    ];
    let Some(process) = process else { return files };
    let folder = format!("/proc/{process}");
    let paths = PROCESS.map(|name| format!("{folder}/{name}")).to_vec();
    files.push(("process.txt".to_owned(), joined(paths, missing)));
    match fs::read(format!("{folder}/environ")) {
        Ok(octets) => {
            let text = environment(&String::from_utf8_lossy(&octets));
            files.push(("environment.txt".to_owned(), text));
        }
        Err(error) => missing.push(format!("{folder}/environ: {error}")),
    }
    files
}

fn joined(paths: Vec<String>, missing: &mut Vec<String>) -> String {
    let mut text = String::new();
    for path in paths {
        match fs::read_to_string(&path) {
            // Writing to a string cannot fail.
            Ok(found) => {
                let _ = writeln!(text, "== {path}\n{}", found.trim_end());
            }
            Err(error) => missing.push(format!("{path}: {error}")),
        }
    }
    text
}

/// The variables that matter, without those that are secrets, or addresses with a password in it.
fn environment(all: &str) -> String {
    let mut lines: Vec<String> = all
        .split('\0')
        .filter_map(|variable| variable.split_once('='))
        .filter(|(name, _)| {
            VARIABLES.iter().any(|known| {
                if known.ends_with('_') { name.starts_with(known) } else { name == known }
            }) || matches!(*name, "IP6" | "KUBECONFIG" | "NOTIFY_SOCKET" | "WATCHDOG_USEC")
        })
        .map(|(name, value)| {
            let secret = SECRETS.iter().any(|part| name.contains(part)) || value.contains('@');
            let value = if secret { albedo_config::REDACTED } else { value };
            format!("{name}={value}\n")
        })
        .collect();
    lines.sort_unstable();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_is_none_of_ours_stay_out() {
        let all = "PATH=/bin\0ETCD_PASSWORD=s3cret\0ETCD_ENDPOINTS=https://root:s3cret@a:2379\0\
                   ALBEDO_ROUTER_ID=10.0.0.1\0IP=10.0.0.1/8\0IPX=1\0AWS_SECRET=s3cret\0";
        let expected = "ALBEDO_ROUTER_ID=10.0.0.1\nETCD_ENDPOINTS=(left out)\n\
                        ETCD_PASSWORD=(left out)\nIP=10.0.0.1/8\n";
        assert_eq!(environment(all), expected);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut missing = Vec::new();
        let files = files(Some(u64::from(std::process::id())), &mut missing);
        let process = files.iter().find(|(name, _)| name == "process.txt").unwrap();
        assert!(process.1.contains("VmRSS"), "{}", process.1);
        let mut missing = Vec::new();
        let text = joined(vec!["/proc/none".to_owned(), "/proc/version".to_owned()], &mut missing);
        assert!(text.starts_with("== /proc/version\nLinux"), "{text}");
        assert!(missing.len() == 1 && missing[0].starts_with("/proc/none: "), "{missing:?}");
    }
}
