//! Files as `calicoctl` takes them: documents, lists, and who is who in them.

mod legacy;

use std::sync::Arc;

use albedo_yaml::diagnostic::{Fault as Wrong, Place, Report};
use albedo_yaml::node::{self, Node as Tree, Scalar, Value, quote};
use albedo_yaml::suggest;

use super::reader::{Context, Fields};
use super::{Read, finish, kubernetes, resource};
use crate::calico::{Kind, Resource, Warning};

/// The largest document, in octets.
pub const DOCUMENT_MAX: usize = 10 * 1024 * 1024;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// The resources in order, and what could not be read.
    pub resources: Vec<Read>,
    /// One warning for each resource of a kind that a reflector has no use for.
    pub skipped: Vec<Warning>,
}

/// Kinds of Calico that have no bearing on BGP sessions.
const SKIPPED: &[&str] = &[
    "CalicoNodeStatus",
    "FelixConfiguration",
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    "HostEndpoint",
    "IPAMBlock",
    "IPAMConfig",
    "IPAMConfiguration",
    "IPAMHandle",
    "IPReservation",
    "KubeControllersConfiguration",
    "NetworkPolicy",
    "NetworkSet",
    "Profile",
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "StagedNetworkPolicy",
    "Tier",
    "WorkloadEndpoint",
];

const V3: &str = "projectcalico.org/v3";
const CRD: &str = "crd.projectcalico.org/v1";
const KUBERNETES: &str = "v1";

const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Lists in lists at most.
const LISTS_MAX: usize = 4;

/// Reads a file of YAML or JSON; `source` is what messages call it.
///
/// It may have several documents, each of which is a resource, a list such as `BGPPeerList` or
/// Kubernetes' `List`, or an array of resources. One that cannot be read is no obstacle to the
/// others. Documents without anything in them are passed over.
///
/// Besides `projectcalico.org/v3`, `crd.projectcalico.org/v1` and nodes of Kubernetes are taken.
#[must_use]
pub fn documents(text: &str, source: &str) -> Documents {
    let mut read = Documents::default();
    for (before, part) in parts(text.trim_start_matches('\u{feff}')) {
        let mut report = Report::of_part(source, part, before);
        if part.len() > DOCUMENT_MAX {
            let place = Place { line: 1, column: 1, width: 1, ..Place::default() };
            let found = format!("a document of {} octets", part.len());
            report.fault(place, "", Wrong::new(found, format!("at most {DOCUMENT_MAX}")));
        } else if !has_content(part) {
            continue;
        }
        let tree = if report.is_clean() { node::parse(part, &mut report) } else { None };
        match tree {
            Some(tree) if report.is_clean() => {
                let mut reader = Reader { report: &report, read: &mut read };
                reader.item(&tree, None, LISTS_MAX);
            }
            tree => {
                let name = tree.as_ref().and_then(name_of);
                let kind = tree.as_ref().and_then(|tree| kind_of(text_of(tree, "kind")?));
                read.resources.push(finish(Context::new(report, true), kind, name, None));
            }
        }
    }
    read
}

/// The documents of a file, each with the number of lines in front of it. The line `---` belongs
/// to what follows it.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut before, mut at) = (0, 0, 0);
    for (line, content) in text.split_inclusive('\n').enumerate() {
        let marker = content.strip_prefix("---");
        if at > 0
            && marker.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            parts.push((before, &text[start..at]));
            (start, before) = (at, line);
        }
        at += content.len();
    }
    parts.push((before, &text[start..]));
    parts
}

/// Whether there is anything but comments, directives and markers.
fn has_content(part: &str) -> bool {
    part.lines().any(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%') && line != "..."
    })
}

fn scalar_of<'n>(tree: &'n Tree, key: &str) -> Option<(&'n Scalar, Place)> {
    let Value::Map(entries) = &tree.value else { return None };
    let value = &entries.iter().find(|entry| entry.key == key)?.value;
    match &value.value {
        Value::Scalar(scalar) if !scalar.is_null() => Some((scalar, value.place)),
        _ => None,
    }
}

fn text_of<'n>(tree: &'n Tree, key: &str) -> Option<&'n str> {
    scalar_of(tree, key).map(|(scalar, _)| &*scalar.text)
}

fn map_of<'n>(tree: &'n Tree, key: &str) -> Option<&'n Tree> {
    let Value::Map(entries) = &tree.value else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

fn name_of(tree: &Tree) -> Option<Arc<str>> {
    text_of(map_of(tree, "metadata")?, "name").map(Arc::from)
}

fn kind_of(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text)
}

struct Reader<'r, 'a> {
    report: &'r Report<'a>,
    read: &'r mut Documents,
}

/// `apiVersion` and `kind` that the items of a list have if they name none themselves.
type Inherited<'n> = Option<(&'n str, &'n str)>;

impl Reader<'_, '_> {
    /// Reads a resource, or each of an array or a list.
    fn item(&mut self, tree: &Tree, inherited: Inherited<'_>, lists: usize) {
        let mut cx = Context::new(self.report.apart(), true);
        if let Value::List(items) = &tree.value
            && lists > 0
        {
            return items.iter().for_each(|item| self.item(item, inherited, lists - 1));
        }
        if let Some(kind) = text_of(tree, "kind").and_then(|kind| kind.strip_suffix("List"))
            && lists > 0
        {
            return self.list(tree, kind, lists);
        }
        let resource = one(tree, inherited, &mut cx);
        let kind = text_of(tree, "kind").or_else(|| inherited.map(|inherited| inherited.1));
        match resource {
            Outcome::Skipped(kind) => {
                let at = cx.report.name(tree.place);
                let text = format!("{at}: a reflector has no use for {}: passed over", quote(kind));
                self.read.skipped.push(Warning { text });
            }
            Outcome::Read(resource) => {
                let read = finish(cx, kind.and_then(kind_of), name_of(tree), resource);
                self.read.resources.push(read);
            }
        }
    }

    fn list(&mut self, tree: &Tree, kind: &str, lists: usize) {
        let mut cx = Context::new(self.report.apart(), true);
        let known = ["apiVersion", "kind", "metadata", "items"];
        let fields = Fields::open(tree, "", &known, &mut cx);
        let items = fields.map(|fields| {
            if !fields.is_set("items") && fields.raw("items").is_none() {
                fields.missing("items", "a list of resources", &mut cx);
            }
            fields.list("items", "resources", &mut cx)
        });
        if !cx.report.is_clean() {
            self.read.resources.push(finish(cx, None, None, None));
            return;
        }
        let version = text_of(tree, "apiVersion");
        let inherited = version.filter(|_| !kind.is_empty()).map(|version| (version, kind));
        for (_, item) in items.unwrap_or_default() {
            self.item(item, inherited, lists - 1);
        }
    }
}

/// What became of a document.
enum Outcome<'n> {
    /// It is of this kind, which is of no use.
    Skipped(&'n str),
    /// A resource, or faults that were reported.
    Read(Option<Resource>),
}

fn one<'n>(tree: &'n Tree, inherited: Inherited<'n>, cx: &mut Context<'_>) -> Outcome<'n> {
    let Value::Map(_) = &tree.value else {
        let allowed = format!("a resource: a mapping with {}", TOP.join(", "));
        cx.fault(tree.place, "", Wrong::new(tree.describe(), allowed));
        return Outcome::Read(None);
    };
    let version = text_of(tree, "apiVersion").or_else(|| inherited.map(|inherited| inherited.0));
    let kind = text_of(tree, "kind").or_else(|| inherited.map(|inherited| inherited.1));
    let place = |key| scalar_of(tree, key).map_or(tree.place, |(_, place)| place);
    let (Some(version), Some(kind)) = (version, kind) else {
        for (key, found) in [("apiVersion", version), ("kind", kind)] {
            if found.is_none() {
                let allowed = if key == "kind" { kinds() } else { versions() };
                cx.fault(tree.place, "", Wrong::new(format!("no {key}"), allowed));
            }
        }
        return Outcome::Read(None);
    };
    match (version, kind_of(kind)) {
        (V3 | CRD, Some(kind)) => {
            let top = Fields::open(tree, "", &TOP, cx);
            Outcome::Read(top.and_then(|top| resource(kind, &top, cx)))
        }
        (V3 | CRD, None) if SKIPPED.contains(&kind) => Outcome::Skipped(kind),
        (V3 | CRD, None) => {
            let wrong = Wrong::new(quote(kind), kinds());
            let known = Kind::ALL.into_iter().map(Kind::name);
            let wrong = match suggest::nearest(kind, known) {
                Some(meant) => wrong.hint(format!("did you mean {meant}?")),
                None => wrong,
            };
            cx.fault(place("kind"), "kind", wrong);
            Outcome::Read(None)
        }
        (KUBERNETES, Some(Kind::Node)) => {
            let node = kubernetes::read(tree, false, cx);
            Outcome::Read(node.map(|node| Resource::Node(Box::new(node))))
        }
        (KUBERNETES, _) => {
            let wrong = legacy::fault(tree, kind).unwrap_or_else(|| {
                Wrong::new(
                    format!("{} of v1", quote(kind)),
                    "Node, or another kind of projectcalico.org/v3",
                )
            });
            cx.fault(place("kind"), "kind", wrong);
            Outcome::Read(None)
        }
        _ => {
            cx.fault(place("apiVersion"), "apiVersion", Wrong::new(quote(version), versions()));
            Outcome::Read(None)
        }
    }
}

fn kinds() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

fn versions() -> String {
    format!("{V3}, {CRD}, or {KUBERNETES} for a Node of Kubernetes")
}
