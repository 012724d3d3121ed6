//! Resources of Calico 2, which nobody reads any more: what to write instead.

use albedo_yaml::diagnostic::Fault as Wrong;
use albedo_yaml::node::{Node as Tree, quote};

use super::{map_of, text_of};

/// The lines of a resource, under the hint.
const INDENT: &str = "\n            ";

/// `None` if it is none of those.
pub(super) fn fault(tree: &Tree, kind: &str) -> Option<Wrong> {
    let (name, lines) = match kind {
        "node" => node(tree),
        "bgpPeer" => peer(tree),
        "ipPool" => ("IPPool", pool(tree)),
        _ => return None,
    };
    let found = format!("{} of v1, which is of Calico 2", quote(kind));
    let mut hint = format!("write{INDENT}apiVersion: projectcalico.org/v3{INDENT}kind: {name}");
    for line in lines {
        hint.push_str(INDENT);
        hint.push_str(&line);
    }
    Some(Wrong::new(found, format!("{name} of projectcalico.org/v3")).hint(hint))
}

fn text(tree: &Tree, path: &[&str]) -> Option<String> {
    let (last, outer) = path.split_last()?;
    let inner = outer.iter().try_fold(tree, |tree, key| map_of(tree, key))?;
    let text = text_of(inner, last)?;
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
    Some(match text.chars().all(simple) {
        true => text.to_owned(),
        false => format!("\"{}\"", text.escape_debug()),
    })
}

fn node(tree: &Tree) -> (&'static str, Vec<String>) {
    let name = text(tree, &["metadata", "name"]).unwrap_or_else(|| "NAME".to_owned());
    let mut lines = vec![format!("metadata: {{name: {name}}}"), "spec:".to_owned()];
    lines.push("  bgp:".to_owned());
    for key in ["asNumber", "ipv4Address", "ipv6Address"] {
        let value = text(tree, &["spec", "bgp", key]);
        lines.extend(value.map(|value| format!("    {key}: {value}")));
    }
    ("Node", lines)
}

fn peer(tree: &Tree) -> (&'static str, Vec<String>) {
    let ip = text(tree, &["metadata", "peerIP"]);
    let node = text(tree, &["metadata", "node"]);
    let name = |text: &str| {
        let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        text.trim_matches('"').chars().map(kept).collect::<String>()
    };
    let of = node.as_deref().map_or_else(|| "all".to_owned(), name);
    let to = ip.as_deref().map_or_else(|| "peer".to_owned(), name);
    let to = to.trim_matches('-');
    let mut lines = vec![format!("metadata: {{name: {of}-to-{to}}}"), "spec:".to_owned()];
    lines.extend(node.map(|node| format!("  node: {node}")));
    lines.extend(ip.map(|ip| format!("  peerIP: {ip}")));
    let asn = text(tree, &["spec", "asNumber"]);
    lines.extend(asn.map(|asn| format!("  asNumber: {asn}")));
    ("BGPPeer", lines)
}

fn pool(tree: &Tree) -> Vec<String> {
    let cidr = text(tree, &["metadata", "cidr"]).unwrap_or_else(|| "CIDR".to_owned());
    vec!["metadata: {name: NAME}".to_owned(), format!("spec: {{cidr: {cidr}}}")]
}
