//! The table holds to its own rules.

use std::collections::HashSet;

use super::*;

#[test]
fn no_name_is_there_twice() {
    let names: HashSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn names_follow_the_rules() {
    for metric in ALL {
        let name = metric.name;
        assert!(name.starts_with("albedo_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        for reserved in ["_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(reserved), "{name}");
        }
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
}

#[test]
fn no_label_grows_with_peers_or_prefixes() {
    let few = ["family", "state", "direction", "type", "code", "treatment", "reason", "result"];
    for metric in ALL {
        for label in metric.labels {
            let known = few.contains(label) || ["shard", "version"].contains(label);
            assert!(known, "{}: {label}", metric.name);
        }
    }
}
