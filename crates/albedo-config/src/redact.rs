//! A configuration for others to read: everything but its secrets.

use std::fmt::Write as _;

use albedo_yaml::diagnostic::Report;
use albedo_yaml::node::{self, Node, Value};

/// Keys whose values are for nobody.
const SECRET_KEYS: [&str; 1] = ["password"];
/// What stands in place of them.
pub const REDACTED: &str = "(left out)";

/// The same YAML without secrets and comments; `None` where it is no YAML, since nobody can tell
/// what in it is a secret then.
#[must_use]
pub fn without_secrets(file: &str, text: &str) -> Option<String> {
    let mut report = Report::new(file, text);
    let root = node::parse(text, &mut report)?;
    report.finish(Some(())).ok()?;
    let mut out = String::new();
    write(&root, 0, &mut out);
    Some(out)
}

/// Writes a node behind what is there, as a block where it has something in it.
fn write(node: &Node, depth: usize, out: &mut String) {
    match &node.value {
        Value::Scalar(scalar) if scalar.plain => line(out, &scalar.text),
        Value::Scalar(scalar) => line(out, &quoted(&scalar.text)),
        Value::List(items) if items.is_empty() => line(out, "[]"),
        Value::Map(entries) if entries.is_empty() => line(out, "{}"),
        Value::List(items) => {
            begin(depth, out);
            for item in items {
                indent(depth, out);
                out.push('-');
                write(item, depth + 1, out);
            }
        }
        Value::Map(entries) => {
            begin(depth, out);
            for entry in entries {
                indent(depth, out);
                let _ = write!(out, "{}:", quoted(&entry.key));
                if SECRET_KEYS.contains(&&*entry.key) {
                    line(out, &quoted(REDACTED));
                } else {
                    write(&entry.value, depth + 1, out);
                }
            }
        }
    }
}

fn begin(depth: usize, out: &mut String) {
    if depth > 0 {
        out.push('\n');
    }
}

fn line(out: &mut String, text: &str) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push(' ');
    }
    out.push_str(text);
    out.push('\n');
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// In double quotes (YAML 1.2 §7.3.1), if it could be taken for something else.
fn quoted(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && text.chars().all(is_word) && !is_other(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a word without quotes means something else than itself to some reader of YAML.
fn is_other(word: &str) -> bool {
    let other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"];
    other.iter().any(|it| word.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_the_rest_stays() {
        let text = "\
asNumber: 64512  # a comment
peerGroups:
  - {name: nodes, password: 's3cret: #1', ranges: [], passwordFile: /etc/albedo/key}
  - name: \"yes\"
    password: |
      s3cret
      2
peers: []
admin: {}
shutdown: {message: \"a \\\"word\\\" \\t for: you\"}
";
        let found = without_secrets("file", text).unwrap();
        let expected = "\
asNumber: 64512
peerGroups:
  -
    name: nodes
    password: \"(left out)\"
    ranges: []
    passwordFile: /etc/albedo/key
  -
    name: \"yes\"
    password: \"(left out)\"
peers: []
admin: {}
shutdown:
  message: \"a \\\"word\\\" \\U00000009 for: you\"
";
        assert_eq!(found, expected);
        // It is its own fixed point, so it means the same.
        assert_eq!(without_secrets("file", &found).unwrap(), expected);
        for broken in ["a: [", "a: 1\na: 2", "\t- x: {"] {
            assert_eq!(without_secrets("file", broken), None, "{broken}");
        }
        assert_eq!(without_secrets("file", "").as_deref(), Some("{}\n"));
    }
}
