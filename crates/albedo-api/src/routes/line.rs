//! A route as it is told in JSON, and a prefix as it is asked for.

use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::Prefix;
use serde::{Deserialize, Serialize};

use super::RouteAttributes;

/// A prefix as it is written, and whether it was one: an address means the longest prefix that
/// holds it.
///
/// # Errors
///
/// It is neither, in words.
pub fn parse_target(text: &str) -> Result<(Prefix, bool), String> {
    if let Ok(prefix) = text.parse() {
        return Ok((prefix, true));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let len = if address.is_ipv4() { 32 } else { 128 };
        let prefix: Result<Prefix, _> = format!("{address}/{len}").parse();
        return prefix.map(|prefix| (prefix, false)).map_err(|error| error.to_string());
    }
    Err(format!("prefix: found {text:?}, expected an address or a prefix, such as 10.1.2.0/26"))
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteLine {
    /// What it leads to.
    pub prefix: String,
    /// The address of the peer that announced it.
    pub from: String,
    /// What that one is called.
    pub from_name: Option<String>,
    /// Its BGP identifier.
    pub router_id: String,
    /// Whether it is the best one of its prefix.
    pub best: bool,
    /// Whether its session is lost, and it is kept (RFC 4724, RFC 9494).
    pub stale: bool,
    /// Whether the peer is of another AS.
    pub external: bool,
    /// Its attributes.
    #[serde(flatten)]
    pub attributes: RouteLineAttributes,
}

/// Attributes of a route, as operators write them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteLineAttributes {
    /// `igp`, `egp` or `incomplete`.
    pub origin: String,
    /// The path; sets in braces, parts of confederations in parentheses.
    pub as_path: String,
    /// The next hop, and with IPv6 the link-local one beside it.
    pub next_hop: Vec<String>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// Such as `64512:1`.
    pub communities: Vec<String>,
    /// Eight octets each, in hexadecimal digits.
    pub extended_communities: Vec<String>,
    /// Such as `64512:1:2`.
    pub large_communities: Vec<String>,
    /// ORIGINATOR_ID (RFC 4456 §8).
    pub originator_id: Option<String>,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<String>,
    /// Whether ATOMIC_AGGREGATE is there.
    pub atomic_aggregate: bool,
    /// AGGREGATOR: AS and identifier, such as `64512 10.0.0.1`.
    pub aggregator: Option<String>,
}

impl From<&Arc<RouteAttributes>> for RouteLineAttributes {
    fn from(attributes: &Arc<RouteAttributes>) -> Self {
        let community = |all: &u32| format!("{}:{}", all >> 16, all & 0xffff);
        let octets = |all: &[u8; 8]| all.iter().map(|octet| format!("{octet:02x}")).collect();
        Self {
            origin: ["igp", "egp", "incomplete"][usize::from(attributes.origin.min(2))].to_owned(),
            as_path: attributes.as_path.clone(),
            next_hop: attributes.next_hop.iter().map(ToString::to_string).collect(),
            med: attributes.med,
            local_pref: attributes.local_pref,
            communities: attributes.communities.iter().map(community).collect(),
            extended_communities: attributes.extended_communities.iter().map(octets).collect(),
            large_communities: attributes
                .large_communities
                .iter()
                .map(|[a, b, c]| format!("{a}:{b}:{c}"))
                .collect(),
            originator_id: attributes.originator_id.map(|id| id.to_string()),
            cluster_list: attributes.cluster_list.iter().map(ToString::to_string).collect(),
            atomic_aggregate: attributes.atomic_aggregate,
            aggregator: attributes.aggregator.map(|(asn, id)| format!("{asn} {id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_as_operators_write_them() {
        let attributes = RouteAttributes {
            origin: 9,
            communities: vec![0xffff_0006, 65536 * 64512 + 1],
            extended_communities: vec![[0, 2, 0xfc, 0, 0, 0, 0, 1]],
            large_communities: vec![[64512, 1, 2]],
            aggregator: Some((64512, [10, 0, 0, 1].into())),
            cluster_list: vec![[10, 0, 0, 1].into()],
            ..RouteAttributes::default()
        };
        let line = RouteLineAttributes::from(&Arc::new(attributes));
        assert_eq!(line.origin, "incomplete");
        assert_eq!(line.communities, ["65535:6", "64512:1"]);
        assert_eq!(line.extended_communities, ["0002fc0000000001"]);
        assert_eq!(line.large_communities, ["64512:1:2"]);
        assert_eq!(line.aggregator.as_deref(), Some("64512 10.0.0.1"));
        assert_eq!(line.cluster_list, ["10.0.0.1"]);
    }
}
