//! Typed access to a mapping: every reading says what it allows and reports what it finds
//! instead, and the reading goes on.

use crate::diagnostic::{Fault, Place, Report, Show};
use crate::kinds::Kind;
use crate::node::{Node, Value, quote};
use crate::suggest;

/// A value with the place it came from.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
    /// The full key, such as `peers[3].role`.
    pub(crate) key: String,
}

impl<T> At<T> {
    /// Whether it is a field of the mapping with this key.
    pub(crate) fn is_in(&self, key: &str) -> bool {
        self.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
    }

    pub(crate) fn report(&self, report: &mut Report<'_>, fault: Fault) {
        report.fault(self.place, &self.key, fault);
    }
}

/// A mapping whose keys are known.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    entries: Vec<(&'n str, Place, &'n Node)>,
    /// The mapping's place.
    pub(crate) place: Place,
    /// The mapping's full key; empty at the top.
    pub(crate) key: String,
}

impl<'n> Fields<'n> {
    /// The fields of a mapping; unknown keys are reported and left out.
    /// `None` if the node is no mapping, which is reported.
    pub(crate) fn open(
        node: &'n Node,
        key: &str,
        known: &[&str],
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            let fault = Fault::new(node.describe(), format!("a mapping with {}", known.join(", ")));
            report.fault(node.place, key, fault);
            return None;
        };
        let mut entries = Vec::with_capacity(map.len());
        for entry in map {
            if known.contains(&&*entry.key) {
                entries.push((&*entry.key, entry.place, &entry.value));
            } else {
                report.fault(entry.place, key, unknown(&entry.key, known));
            }
        }
        Some(Self { entries, place: node.place, key: key.to_owned() })
    }

    /// The full key of a field.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    pub(crate) fn node(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.0 == name).map(|entry| entry.2)
    }

    /// Reports that a field must be there.
    pub(crate) fn missing(&self, name: &str, allowed: &str, report: &mut Report<'_>) {
        // What stands at the place of the mapping is not what is wrong.
        let fault = Fault { show: Show::Nothing, ..Fault::new(format!("no {name}"), allowed) };
        report.fault(self.place, &self.key, fault);
    }

    /// A field with a single value.
    pub(crate) fn scalar<T>(
        &self,
        name: &str,
        kind: &Kind<T>,
        report: &mut Report<'_>,
    ) -> Option<At<T>> {
        scalar(self.node(name)?, &self.path(name), kind, report)
    }

    /// A field with a single value that must be there.
    pub(crate) fn required<T>(
        &self,
        name: &str,
        kind: &Kind<T>,
        report: &mut Report<'_>,
    ) -> Option<At<T>> {
        if self.node(name).is_none() {
            self.missing(name, kind.allowed, report);
        }
        self.scalar(name, kind, report)
    }

    /// The items of a list field with their keys, such as `peers[3]`; `None` if it is not there
    /// or no list, which is reported.
    pub(crate) fn list(
        &self,
        name: &str,
        allowed: &str,
        report: &mut Report<'_>,
    ) -> Option<Vec<(String, &'n Node)>> {
        let node = self.node(name)?;
        let path = self.path(name);
        match &node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (format!("{path}[{index}]"), item))
                    .collect(),
            ),
            other => {
                let mut fault = Fault::new(node.describe(), allowed);
                if let Value::Scalar(scalar) = other {
                    fault = fault.hint(if scalar.is_null() {
                        format!("leave out {name} where there is none")
                    } else {
                        format!("write {name}: [\"{}\"]", scalar.text.escape_debug())
                    });
                }
                report.fault(node.place, &path, fault);
                None
            }
        }
    }

    /// As [`Fields::set`], and at least one must be there.
    pub(crate) fn some<T: PartialEq>(
        &self,
        name: &str,
        kind: &Kind<T>,
        report: &mut Report<'_>,
    ) -> Option<Vec<At<T>>> {
        let node = self.node(name)?;
        if let Value::List(items) = &node.value
            && items.is_empty()
        {
            let fault = Fault::new("an empty list", format!("at least one: {}", kind.allowed));
            report.fault(node.place, &self.path(name), fault);
            return None;
        }
        self.set(name, kind, report)
    }

    /// A list of single values that names nothing twice.
    pub(crate) fn set<T: PartialEq>(
        &self,
        name: &str,
        kind: &Kind<T>,
        report: &mut Report<'_>,
    ) -> Option<Vec<At<T>>> {
        let allowed = format!("a list, each item {}", kind.allowed);
        let items = self.list(name, &allowed, report)?;
        let mut read: Vec<At<T>> = Vec::with_capacity(items.len());
        for (key, node) in items {
            let Some(item) = scalar(node, &key, kind, report) else { continue };
            match read.iter().find(|other| other.value == item.value) {
                Some(first) => {
                    let found = format!("{} a second time", node.describe());
                    let first = report.name(first.place);
                    let allowed = format!("it once; the first is at {first}");
                    item.report(report, Fault::new(found, allowed));
                }
                None => read.push(item),
            }
        }
        Some(read)
    }
}

/// Reads one value of a kind.
pub(crate) fn scalar<T>(
    node: &Node,
    key: &str,
    kind: &Kind<T>,
    report: &mut Report<'_>,
) -> Option<At<T>> {
    let hint = match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => match (kind.read)(scalar) {
            Ok(value) => return Some(At { value, place: node.place, key: key.to_owned() }),
            Err(hint) => hint,
        },
        // `[::]:179` without quotes is a list in YAML.
        Value::List(_) | Value::Map(_) if kind.allowed.contains(':') => {
            Some("put it in quotes".to_owned())
        }
        _ => None,
    };
    let fault = Fault { hint, ..Fault::new(node.describe(), kind.allowed) };
    report.fault(node.place, key, fault);
    None
}

fn unknown(key: &str, known: &[&str]) -> Fault {
    let found = format!("unknown key {}", quote(key));
    let fault = Fault { show: Show::Start, ..Fault::new(found, known.join(", ")) };
    let hint = match key {
        "<<" => Some("merge keys are of YAML 1.1; share settings with a group".to_owned()),
        // Words that other daemons and Calico have for the same thing.
        "as" | "remoteAs" | "peerAs" | "localAs" => Some("asNumber".to_owned()),
        "sourceAddress" => Some("localAddress".to_owned()),
        "peerIP" | "peerIp" | "ip" => Some("address".to_owned()),
        "maxRestartTime" => Some("gracefulRestart".to_owned()),
        "logSeverityScreen" => Some("logLevel".to_owned()),
        _ => None,
    };
    let Some(hint) = hint else {
        return match suggest::nearest(key, known.iter().copied()) {
            Some(meant) => fault.hint(format!("did you mean {meant}?")),
            None => fault,
        };
    };
    match known.contains(&&*hint) {
        true => fault.hint(format!("did you mean {hint}?")),
        false if hint.contains(' ') => fault.hint(hint),
        false => fault,
    }
}
