//! What differs between the two dialects.

use prost::Message;
use prost_types::Any;
use tonic::Status;

use crate::attributes::{Attribute, ExtendedCommunity};
use crate::generated::{api, apipb};

/// A message as the other dialect's of the same name, which has the same octets.
pub(crate) fn same<A: Message, B: Message + Default>(message: &A) -> B {
    // Both are of the same field numbers and types; a test sees to that.
    B::decode(message.encode_to_vec().as_slice()).unwrap_or_default()
}

/// A peer in version 4, whose enumerations begin with what is not said.
pub(crate) fn peer(peer: &apipb::Peer) -> api::Peer {
    let mut peer: api::Peer = same(peer);
    if let Some(conf) = &mut peer.conf {
        conf.r#type += 1;
    }
    if let Some(state) = &mut peer.state {
        state.r#type += 1;
        state.admin_state += 1;
    }
    peer
}

/// A group of peers in version 4.
pub(crate) fn group(group: &apipb::PeerGroup) -> api::PeerGroup {
    let mut group: api::PeerGroup = same(group);
    if let Some(conf) = &mut group.conf {
        conf.r#type += 1;
    }
    if let Some(info) = &mut group.info {
        info.r#type += 1;
    }
    group
}

/// The tables that there are.
const TABLES: &str = "GLOBAL, ADJ_IN or ADJ_OUT";

/// Version 4's number of something that begins with one there, and with zero in version 3.
fn shifted(field: &str, number: i32, allowed: &str) -> Result<i32, Status> {
    let unspecified =
        || Status::invalid_argument(format!("{field}: found UNSPECIFIED, expected {allowed}"));
    number.checked_sub(1).filter(|it| *it >= 0).ok_or_else(unspecified)
}

/// A request of version 4.
pub(crate) fn list_path(request: &api::ListPathRequest) -> Result<apipb::ListPathRequest, Status> {
    let mut asked: apipb::ListPathRequest = same(request);
    asked.table_type = shifted("table_type", asked.table_type, TABLES)?;
    for prefix in &mut asked.prefixes {
        // Nothing means the first.
        prefix.r#type = (prefix.r#type - 1).max(0);
    }
    Ok(asked)
}

/// A request of version 4.
pub(crate) fn get_table(request: &api::GetTableRequest) -> Result<apipb::GetTableRequest, Status> {
    let mut asked: apipb::GetTableRequest = same(request);
    asked.table_type = shifted("table_type", asked.table_type, TABLES)?;
    Ok(asked)
}

/// A request of version 4.
pub(crate) fn watch_event(
    request: &api::WatchEventRequest,
) -> Result<apipb::WatchEventRequest, Status> {
    let mut asked: apipb::WatchEventRequest = same(request);
    for filter in asked.table.iter_mut().flat_map(|table| &mut table.filters) {
        filter.r#type = shifted("table.filters.type", filter.r#type, "BEST")?;
    }
    Ok(asked)
}

/// How NLRI and attributes are wrapped.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// A path.
    type Path: Send + 'static;

    /// A path with what is wrapped in the dialect's way.
    fn path(
        path: apipb::Path,
        nlri: apipb::IpAddressPrefix,
        attributes: &[Attribute],
    ) -> Self::Path;
}

/// `apipb`: everything in an `Any`.
#[derive(Debug)]
pub(crate) struct V3;

/// `api`: everything in a message with a `oneof`.
#[derive(Debug)]
pub(crate) struct V4;

fn any<M: Message>(name: &str, message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/apipb.{name}"), value: message.encode_to_vec() }
}

impl Dialect for V3 {
    type Path = apipb::Path;

    fn path(
        path: apipb::Path,
        nlri: apipb::IpAddressPrefix,
        attributes: &[Attribute],
    ) -> apipb::Path {
        let nlri = any("IPAddressPrefix", &nlri);
        let pattrs = attributes.iter().map(|attribute| match attribute {
            Attribute::Origin(it) => any("OriginAttribute", it),
            Attribute::AsPath(it) => any("AsPathAttribute", it),
            Attribute::NextHop(it) => any("NextHopAttribute", it),
            Attribute::MpReach(it, prefix) => {
                let nlris = vec![any("IPAddressPrefix", prefix)];
                any("MpReachNLRIAttribute", &apipb::MpReachNlriAttribute { nlris, ..it.clone() })
            }
            Attribute::Med(it) => any("MultiExitDiscAttribute", it),
            Attribute::LocalPref(it) => any("LocalPrefAttribute", it),
            Attribute::AtomicAggregate(it) => any("AtomicAggregateAttribute", it),
            Attribute::Aggregator(it) => any("AggregatorAttribute", it),
            Attribute::Communities(it) => any("CommunitiesAttribute", it),
            Attribute::OriginatorId(it) => any("OriginatorIdAttribute", it),
            Attribute::ClusterList(it) => any("ClusterListAttribute", it),
            Attribute::LargeCommunities(it) => any("LargeCommunitiesAttribute", it),
            Attribute::ExtendedCommunities(list) => {
                let one = |it: &ExtendedCommunity| match it {
                    ExtendedCommunity::TwoOctetAs(it) => any("TwoOctetAsSpecificExtended", it),
                    ExtendedCommunity::Ipv4Address(it) => any("IPv4AddressSpecificExtended", it),
                    ExtendedCommunity::FourOctetAs(it) => any("FourOctetAsSpecificExtended", it),
                    ExtendedCommunity::Unknown(it) => any("UnknownExtended", it),
                };
                let communities = list.iter().map(one).collect();
                let list = apipb::ExtendedCommunitiesAttribute { communities };
                any("ExtendedCommunitiesAttribute", &list)
            }
        });
        apipb::Path { nlri: Some(nlri), pattrs: pattrs.collect(), ..path }
    }
}

impl Dialect for V4 {
    type Path = api::Path;

    fn path(
        path: apipb::Path,
        nlri: apipb::IpAddressPrefix,
        attributes: &[Attribute],
    ) -> api::Path {
        use api::attribute::Attr;
        let of_prefix = |prefix: &apipb::IpAddressPrefix| api::Nlri {
            nlri: Some(api::nlri::Nlri::Prefix(same(prefix))),
        };
        let pattrs = attributes.iter().map(|attribute| match attribute {
            Attribute::Origin(it) => Attr::Origin(same(it)),
            Attribute::AsPath(it) => Attr::AsPath(same(it)),
            Attribute::NextHop(it) => Attr::NextHop(same(it)),
            Attribute::MpReach(it, prefix) => {
                let mut reach: api::MpReachNlriAttribute = same(it);
                reach.nlris = vec![of_prefix(prefix)];
                Attr::MpReach(reach)
            }
            Attribute::Med(it) => Attr::MultiExitDisc(same(it)),
            Attribute::LocalPref(it) => Attr::LocalPref(same(it)),
            Attribute::AtomicAggregate(it) => Attr::AtomicAggregate(same(it)),
            Attribute::Aggregator(it) => Attr::Aggregator(same(it)),
            Attribute::Communities(it) => Attr::Communities(same(it)),
            Attribute::OriginatorId(it) => Attr::OriginatorId(same(it)),
            Attribute::ClusterList(it) => Attr::ClusterList(same(it)),
            Attribute::LargeCommunities(it) => Attr::LargeCommunities(same(it)),
            Attribute::ExtendedCommunities(list) => {
                use api::extended_community::Extcom;
                let one = |it: &ExtendedCommunity| match it {
                    ExtendedCommunity::TwoOctetAs(it) => Extcom::TwoOctetAsSpecific(same(it)),
                    ExtendedCommunity::Ipv4Address(it) => Extcom::Ipv4AddressSpecific(same(it)),
                    ExtendedCommunity::FourOctetAs(it) => Extcom::FourOctetAsSpecific(same(it)),
                    ExtendedCommunity::Unknown(it) => Extcom::Unknown(same(it)),
                };
                let one = |it| api::ExtendedCommunity { extcom: Some(one(it)) };
                let communities = list.iter().map(one).collect();
                Attr::ExtendedCommunities(api::ExtendedCommunitiesAttribute { communities })
            }
        });
        let pattrs = pattrs.map(|attr| api::Attribute { attr: Some(attr) }).collect();
        let path: api::Path = same(&path);
        api::Path { nlri: Some(of_prefix(&nlri)), pattrs, ..path }
    }
}

#[cfg(test)]
mod tests;
