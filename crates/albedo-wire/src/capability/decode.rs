//! Values of capabilities, once [`table`](super::table) has found their length possible.

use super::{
    AddPath, AddPathMode, Capability, Cursor, ExtendedNextHop, GracefulFamily, GracefulRestart,
    LongLived, LongLivedFamily, OrfEntry, PathsLimit, String, ToOwned, Vec, table,
};
use albedo_types::{Afi, Asn, Safi};

/// The F bit of graceful restart and of its long-lived kind.
pub(super) const FORWARDING: u8 = 0x80;
/// The R bit (RFC 4724 §3).
pub(super) const RESTARTING: u16 = 0x8000;
/// The N bit (RFC 8538 §2).
pub(super) const NOTIFICATION: u16 = 0x4000;

/// Reads the value of a known capability; `None` if it does not hold what it should.
pub(super) fn value(code: u8, mut value: Cursor<'_>) -> Option<Capability> {
    Some(match code {
        table::MULTIPROTOCOL => {
            let (afi, _reserved) = (Afi(value.u16()?), value.u8()?);
            let safi = Safi(value.u8()?);
            Capability::Multiprotocol { afi, safi }
        }
        table::ROUTE_REFRESH => Capability::RouteRefresh,
        table::OUTBOUND_ROUTE_FILTERING => {
            Capability::OutboundRouteFiltering(route_filters(value)?)
        }
        table::EXTENDED_NEXT_HOP => Capability::ExtendedNextHop(list(value, next_hop)?),
        table::EXTENDED_MESSAGE => Capability::ExtendedMessage,
        table::ROLE => Capability::Role(value.u8()?),
        table::GRACEFUL_RESTART => Capability::GracefulRestart(graceful(value)?),
        table::FOUR_OCTET_AS => Capability::FourOctetAs(Asn(value.u32()?)),
        table::DYNAMIC => Capability::Dynamic(value.rest().to_owned()),
        table::ADD_PATH => Capability::AddPath(list(value, add_path)?),
        table::ENHANCED_ROUTE_REFRESH => Capability::EnhancedRouteRefresh,
        table::LONG_LIVED_GRACEFUL_RESTART => {
            Capability::LongLived(LongLived { families: list(value, long_lived)? })
        }
        table::FQDN => {
            let host = name(&mut value)?;
            let domain = name(&mut value)?;
            Capability::Fqdn { host, domain }
        }
        table::SOFTWARE_VERSION => Capability::SoftwareVersion(name(&mut value)?),
        table::PATHS_LIMIT => Capability::PathsLimit(list(value, paths_limit)?),
        table::LINK_LOCAL_NEXT_HOP => Capability::LinkLocalNextHop,
        table::OLD_ROUTE_REFRESH => Capability::OldRouteRefresh,
        _ => return None,
    })
}

/// Entries up to the end. The value has at most 255 octets, so the list is short.
fn list<T>(mut value: Cursor<'_>, entry: fn(&mut Cursor<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut entries = Vec::new();
    while !value.is_empty() {
        entries.push(entry(&mut value)?);
    }
    Some(entries)
}

fn family(value: &mut Cursor<'_>) -> Option<(Afi, Safi)> {
    Some((Afi(value.u16()?), Safi(value.u8()?)))
}

fn graceful(mut value: Cursor<'_>) -> Option<GracefulRestart> {
    let head = value.u16()?;
    Some(GracefulRestart {
        restarting: head & RESTARTING != 0,
        notification: head & NOTIFICATION != 0,
        restart_time: head & super::RESTART_TIME_MAX,
        families: list(value, |value| {
            let (afi, safi) = family(value)?;
            let forwarding = value.u8()? & FORWARDING != 0;
            Some(GracefulFamily { afi, safi, forwarding })
        })?,
    })
}

fn long_lived(value: &mut Cursor<'_>) -> Option<LongLivedFamily> {
    let (afi, safi) = family(value)?;
    Some(LongLivedFamily {
        afi,
        safi,
        forwarding: value.u8()? & FORWARDING != 0,
        stale_time: value.u24()?,
    })
}

fn add_path(value: &mut Cursor<'_>) -> Option<AddPath> {
    let (afi, safi) = family(value)?;
    let mode = AddPathMode::from_wire(value.u8()?)?;
    Some(AddPath { afi, safi, mode })
}

fn paths_limit(value: &mut Cursor<'_>) -> Option<PathsLimit> {
    let (afi, safi) = family(value)?;
    let limit = value.u16()?;
    Some(PathsLimit { afi, safi, limit })
}

fn next_hop(value: &mut Cursor<'_>) -> Option<ExtendedNextHop> {
    let (afi, _reserved) = (Afi(value.u16()?), value.u8()?);
    Some(ExtendedNextHop { afi, safi: Safi(value.u8()?), next_hop: Afi(value.u16()?) })
}

/// Blocks of AFI, reserved octet, SAFI, count and that many pairs (RFC 5291 §5).
fn route_filters(mut value: Cursor<'_>) -> Option<Vec<OrfEntry>> {
    let mut entries = Vec::new();
    while !value.is_empty() {
        let (afi, _reserved) = (Afi(value.u16()?), value.u8()?);
        let safi = Safi(value.u8()?);
        let count = usize::from(value.u8()?);
        let pairs = value.take(count * 2)?;
        entries.extend(pairs.chunks_exact(2).map(|pair| OrfEntry {
            afi,
            safi,
            kind: pair[0],
            mode: pair[1],
        }));
    }
    Some(entries)
}

/// A length octet and that many octets of text.
fn name(value: &mut Cursor<'_>) -> Option<String> {
    let len = usize::from(value.u8()?);
    Some(String::from_utf8_lossy(value.take(len)?).into_owned())
}
