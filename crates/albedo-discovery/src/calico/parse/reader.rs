//! Mappings with known keys, read in two manners.
//!
//! *Strict* is for files, which people write: what is not known is a fault.
//! *Lenient* is for datastores, which may be newer than this program: what is not known is passed
//! over, and where a single odd value does little harm, it is reported and left out.

use albedo_yaml::diagnostic::{Fault as Wrong, Place, Report};
use albedo_yaml::node::{Node, Scalar, Value, quote};
use albedo_yaml::suggest;

use crate::calico::Warning;

/// What is written down while a resource is read.
pub(super) struct Context<'a> {
    pub(super) report: Report<'a>,
    pub(super) strict: bool,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(report: Report<'a>, strict: bool) -> Self {
        Self { report, strict, warnings: Vec::new() }
    }

    pub(super) fn fault(&mut self, place: Place, key: &str, wrong: Wrong) {
        self.report.fault(place, key, wrong);
    }

    /// Reads a part that no session depends on. What is wrong with it in a datastore is a warning,
    /// and the part is left out.
    pub(super) fn minor<T: Default>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        if self.strict {
            return read(self);
        }
        let apart = self.report.apart();
        let outer = std::mem::replace(&mut self.report, apart);
        let value = read(self);
        let inner = std::mem::replace(&mut self.report, outer);
        match inner.finish(Some(value)) {
            Ok(value) => value,
            Err(faults) => {
                let warnings = faults.faults().iter();
                let warnings = warnings.map(|fault| Warning::new(format!("{fault}: left out")));
                self.warnings.extend(warnings);
                T::default()
            }
        }
    }

    pub(super) fn warn(&mut self, place: Place, key: &str, text: &str) {
        let at = self.report.name(place);
        let text =
            if key.is_empty() { format!("{at}: {text}") } else { format!("{at}: {key}: {text}") };
        self.warnings.push(Warning { text });
    }
}

/// A kind of value.
pub(super) struct Kind<T> {
    /// What is allowed, in words.
    pub(super) allowed: &'static str,
    /// Reads one; the error is what was probably meant, if that can be told.
    pub(super) read: fn(&Scalar) -> Result<T, Option<String>>,
}

/// A mapping whose keys are known.
pub(super) struct Fields<'n> {
    entries: &'n [albedo_yaml::node::Entry],
    pub(super) place: Place,
    /// Its full key; empty at the top.
    pub(super) key: String,
}

/// Nothing, or an empty text: a field that is not set, to Calico.
fn is_unset(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.is_null() || scalar.text.is_empty())
}

impl<'n> Fields<'n> {
    /// A mapping without anything in it.
    pub(super) fn empty(place: Place, key: &str) -> Self {
        Self { entries: &[], place, key: key.to_owned() }
    }

    /// The fields of a mapping. `None` if it is none, which is reported.
    pub(super) fn open(
        node: &'n Node,
        key: &str,
        known: &[&str],
        cx: &mut Context<'_>,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let wrong = Wrong::new(node.describe(), format!("a mapping with {}", known.join(", ")));
            cx.fault(node.place, key, wrong);
            return None;
        };
        if cx.strict {
            for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
                cx.fault(entry.place, key, unknown(&entry.key, known));
            }
        }
        Some(Self { entries, place: node.place, key: key.to_owned() })
    }

    /// The fields of a mapping in a field; none where it is not set.
    pub(super) fn inner(&self, name: &str, known: &[&str], cx: &mut Context<'_>) -> Option<Self> {
        Fields::open(self.get(name)?, &self.path(name), known, cx)
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    /// What a field is set to.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.raw(name).filter(|node| !is_unset(node))
    }

    /// The same, with what counts as not set.
    pub(super) fn raw(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Something is wrong with a field as such: reported at its key.
    pub(super) fn fault(&self, name: &str, wrong: Wrong, cx: &mut Context<'_>) {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let place = entry.map_or(self.place, |entry| entry.place);
        cx.fault(place, &self.path(name), wrong);
    }

    pub(super) fn warn(&self, name: &str, text: &str, cx: &mut Context<'_>) {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let place = entry.map_or(self.place, |entry| entry.place);
        cx.warn(place, &self.path(name), text);
    }

    /// Reports that a field must be there.
    pub(super) fn missing(&self, name: &str, allowed: &str, cx: &mut Context<'_>) {
        let wrong = Wrong::new(format!("no {name}"), allowed);
        cx.fault(self.place, &self.key, wrong);
    }

    /// Reports two fields that exclude each other.
    pub(super) fn exclusive(&self, one: &str, other: &str, cx: &mut Context<'_>) {
        if self.is_set(one) && self.is_set(other) {
            let wrong = Wrong::new(format!("{other} beside {one}"), "one of the two");
            self.fault(other, wrong, cx);
        }
    }

    /// A field with a single value.
    pub(super) fn value<T>(&self, name: &str, kind: &Kind<T>, cx: &mut Context<'_>) -> Option<T> {
        value(self.get(name)?, &self.path(name), kind, cx)
    }

    /// As [`Fields::value`], but what a datastore has and cannot be read is only reported.
    pub(super) fn minor<T>(&self, name: &str, kind: &Kind<T>, cx: &mut Context<'_>) -> Option<T> {
        let node = self.get(name)?;
        if cx.strict {
            return value(node, &self.path(name), kind, cx);
        }
        let read = match &node.value {
            Value::Scalar(scalar) => (kind.read)(scalar).ok(),
            _ => None,
        };
        if read.is_none() {
            self.odd(name, node, kind.allowed, cx);
        }
        read
    }

    /// Reports a value that is left out.
    pub(super) fn odd(&self, name: &str, node: &Node, allowed: &str, cx: &mut Context<'_>) {
        let text = format!("{} is left out, expected {allowed}", node.describe());
        cx.warn(node.place, &self.path(name), &text);
    }

    pub(super) fn required<T>(
        &self,
        name: &str,
        kind: &Kind<T>,
        cx: &mut Context<'_>,
    ) -> Option<T> {
        if !self.is_set(name) {
            self.missing(name, kind.allowed, cx);
        }
        self.value(name, kind, cx)
    }

    /// The items of a list with their keys; empty where it is not set.
    pub(super) fn list(
        &self,
        name: &str,
        allowed: &str,
        cx: &mut Context<'_>,
    ) -> Vec<(String, &'n Node)> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let path = self.path(name);
        let Value::List(items) = &node.value else {
            cx.fault(
                node.place,
                &path,
                Wrong::new(node.describe(), format!("a list of {allowed}")),
            );
            return Vec::new();
        };
        items.iter().enumerate().map(|(at, item)| (format!("{path}[{at}]"), item)).collect()
    }

    /// How many items a list has as it was written.
    pub(super) fn count(&self, name: &str) -> usize {
        match self.get(name).map(|node| &node.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        }
    }

    /// Reports keys that are not known, where passing over them changes a meaning.
    pub(super) fn warn_of_unknown(&self, known: &[&str], text: &str, cx: &mut Context<'_>) {
        for entry in self.entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            cx.warn(entry.place, &self.path(&entry.key), text);
        }
    }

    /// A list of single values.
    pub(super) fn values<T>(&self, name: &str, kind: &Kind<T>, cx: &mut Context<'_>) -> Box<[T]> {
        let items = self.list(name, &format!("items, each {}", kind.allowed), cx);
        items.into_iter().filter_map(|(key, node)| value(node, &key, kind, cx)).collect()
    }
}

/// Reads one value of a kind.
pub(super) fn value<T>(node: &Node, key: &str, kind: &Kind<T>, cx: &mut Context<'_>) -> Option<T> {
    let hint = match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => match (kind.read)(scalar) {
            Ok(value) => return Some(value),
            Err(hint) => hint,
        },
        // `[::]:179` without quotes is a list, `{a: b}` a mapping.
        Value::List(_) | Value::Map(_) if kind.allowed.contains("in quotes") => {
            Some("put it in quotes".to_owned())
        }
        _ => None,
    };
    cx.fault(node.place, key, Wrong { hint, ..Wrong::new(node.describe(), kind.allowed) });
    None
}

fn unknown(key: &str, known: &[&str]) -> Wrong {
    let found = format!("unknown key {}", quote(key));
    let wrong =
        Wrong { show: albedo_yaml::diagnostic::Show::Start, ..Wrong::new(found, known.join(", ")) };
    match suggest::nearest(key, known.iter().copied()) {
        Some(meant) => wrong.hint(format!("did you mean {meant}?")),
        None if key == "<<" => wrong.hint("merge keys are not followed: write the fields out"),
        None => wrong,
    }
}
