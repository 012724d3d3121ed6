//! `metadata` of every resource.

use albedo_yaml::diagnostic::{Fault as Wrong, Place};
use albedo_yaml::node::{Node, Value, quote};

use super::coerce;
use super::json;
use super::kinds::{NAME, TEXT};
use super::reader::{Context, Fields};
use crate::calico::{Labels, Meta};

/// What Kubernetes and Calico put there; most of it is of no interest here.
const KNOWN: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "selfLink",
    "finalizers",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Labels and annotations of a `crd.projectcalico.org/v1` object are in here, as JSON.
const FOLDED: &str = "projectcalico.org/metadata";

/// A copy of the whole object, which is of no use.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Keys and values as they stand.
pub(super) type Pairs = Vec<(String, String)>;

/// Reads `metadata` of the object `top`.
pub(super) fn read(top: &Fields<'_>, cx: &mut Context<'_>) -> Option<Meta> {
    let Some(fields) = top.inner("metadata", &KNOWN, cx) else {
        if !top.is_set("metadata") {
            top.missing("metadata", "metadata with a name", cx);
        }
        return None;
    };
    if let Some(namespace) = fields.get("namespace")
        && cx.strict
    {
        let wrong = Wrong::new(
            format!("the namespace {}", namespace.describe()),
            "no namespace: these resources are of the whole cluster",
        );
        fields.fault("namespace", wrong, cx);
    }
    let name = fields.required("name", &NAME, cx);
    let mut labels = pairs(&fields, "labels", cx);
    let mut annotations = pairs(&fields, "annotations", cx);
    unfold(&fields, &mut labels, &mut annotations, cx);
    annotations.retain(|(key, _)| key != FOLDED && key != COPY);
    Some(Meta {
        name: name?,
        labels: labels.into_iter().collect(),
        annotations: annotations.into_iter().collect::<Labels>(),
        uid: fields.minor("uid", &TEXT, cx),
        resource_version: fields.minor("resourceVersion", &TEXT, cx),
    })
}

/// Lays what is folded into an annotation over what stands outside.
fn unfold(fields: &Fields<'_>, labels: &mut Pairs, annotations: &mut Pairs, cx: &mut Context<'_>) {
    let Some((_, folded)) = annotations.iter().find(|(key, _)| key == FOLDED) else { return };
    let inner = match serde_json::from_str::<serde_json::Value>(folded) {
        Ok(value) if value.is_object() => json::parts(
            &serde_json::json!({ "metadata": value }),
            &[("metadata", &["labels", "annotations"])],
        ),
        Ok(_) => return not_json(fields, "it is no object", cx),
        Err(error) => return not_json(fields, &error.to_string(), cx),
    };
    let Value::Map(mut entries) = inner.value else { return };
    let Some(inner) = entries.pop() else { return };
    let path = format!("{}[{FOLDED}]", fields.path("annotations"));
    let Some(inner) = Fields::open(&inner.value, &path, &KNOWN, cx) else { return };
    labels.extend(pairs(&inner, "labels", cx));
    annotations.extend(pairs(&inner, "annotations", cx));
}

fn not_json(fields: &Fields<'_>, why: &str, cx: &mut Context<'_>) {
    let text = format!("{FOLDED} holds no JSON object and is left out: {why}");
    fields.warn("annotations", &text, cx);
}

/// A mapping from text to text. What YAML 1.1 reads differently is told.
pub(super) fn pairs(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Pairs {
    let Some(node) = fields.get(name) else { return Vec::new() };
    let path = fields.path(name);
    let Value::Map(entries) = &node.value else {
        cx.fault(node.place, &path, Wrong::new(node.describe(), "a mapping from text to text"));
        return Vec::new();
    };
    let mut read = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(value) = text(&entry.value, &path, &entry.key, cx) else { continue };
        let is_label = cx.strict && name == "labels";
        if is_label && let Some(wrong) = bad_label(&entry.key, &value) {
            cx.fault(entry.place, &path, wrong);
        }
        read.push((entry.key.clone(), value));
    }
    read
}

fn text(node: &Node, path: &str, key: &str, cx: &mut Context<'_>) -> Option<String> {
    let Value::Scalar(scalar) = &node.value else {
        let path = format!("{path}.{key}");
        cx.fault(node.place, &path, Wrong::new(node.describe(), "a text"));
        return None;
    };
    let value = coerce::text(scalar);
    // In JSON of a datastore nothing is written without quotes but by accident.
    if value != scalar.text && !scalar.is_null() && node.place != Place::default() {
        let text = format!(
            "{} without quotes is read as \"{value}\", as calicoctl does; put quotes around what \
             is meant",
            node.describe()
        );
        cx.warn(node.place, &format!("{path}.{key}"), &text);
    }
    Some(value)
}

/// Longest name of a label behind its prefix, and longest value, in characters (Kubernetes).
const LABEL_MAX: usize = 63;

/// Kubernetes' rules for labels.
fn bad_label(key: &str, value: &str) -> Option<Wrong> {
    let is_part = |text: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        text.len() <= LABEL_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && edge(text.bytes().next())
            && edge(text.bytes().last())
    };
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !is_part(name) || prefix.is_some_and(|prefix| !super::kinds::is_name(prefix)) {
        return Some(Wrong::new(
            format!("the label {}", quote(key)),
            "a name of 1 to 63 letters, digits, -, _ and ., perhaps with a domain and / before it",
        ));
    }
    if !value.is_empty() && !is_part(value) {
        return Some(Wrong::new(
            format!("the value {} of the label {}", quote(value), quote(key)),
            "at most 63 letters, digits, -, _ and ., with a letter or digit at both ends",
        ));
    }
    None
}
