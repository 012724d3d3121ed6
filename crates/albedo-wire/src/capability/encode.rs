//! Values of capabilities as octets.

use super::decode::{FORWARDING, NOTIFICATION, RESTARTING};
use super::{Capability, NAME_LEN_MAX, RESTART_TIME_MAX, STALE_TIME_MAX, VALUE_LEN_MAX, Vec, cut};
use albedo_types::{Afi, Safi};

/// Appends the value alone.
pub(super) fn value(capability: &Capability, out: &mut Vec<u8>) {
    match capability {
        Capability::Multiprotocol { afi, safi } => {
            out.extend_from_slice(&afi.0.to_be_bytes());
            out.extend_from_slice(&[0, safi.0]);
        }
        Capability::RouteRefresh
        | Capability::ExtendedMessage
        | Capability::EnhancedRouteRefresh
        | Capability::LinkLocalNextHop
        | Capability::OldRouteRefresh => {}
        Capability::OutboundRouteFiltering(entries) => list(out, 0, entries, |entry, out| {
            out.extend_from_slice(&entry.afi.0.to_be_bytes());
            out.extend_from_slice(&[0, entry.safi.0, 1, entry.kind, entry.mode]);
        }),
        Capability::ExtendedNextHop(entries) => list(out, 0, entries, |entry, out| {
            out.extend_from_slice(&entry.afi.0.to_be_bytes());
            out.extend_from_slice(&[0, entry.safi.0]);
            out.extend_from_slice(&entry.next_hop.0.to_be_bytes());
        }),
        Capability::Role(role) => out.push(*role),
        Capability::GracefulRestart(graceful) => {
            let head = graceful.restart_time.min(RESTART_TIME_MAX)
                | flag(graceful.restarting, RESTARTING)
                | flag(graceful.notification, NOTIFICATION);
            out.extend_from_slice(&head.to_be_bytes());
            list(out, 2, &graceful.families, |entry, out| {
                family(entry.afi, entry.safi, out);
                out.push(if entry.forwarding { FORWARDING } else { 0 });
            });
        }
        Capability::FourOctetAs(asn) => out.extend_from_slice(&asn.0.to_be_bytes()),
        Capability::Dynamic(codes) => list(out, 0, codes, |code, out| out.push(*code)),
        Capability::AddPath(entries) => list(out, 0, entries, |entry, out| {
            family(entry.afi, entry.safi, out);
            out.push(entry.mode as u8);
        }),
        Capability::LongLived(long_lived) => list(out, 0, &long_lived.families, |entry, out| {
            family(entry.afi, entry.safi, out);
            out.push(if entry.forwarding { FORWARDING } else { 0 });
            let [_, high, middle, low] = entry.stale_time.min(STALE_TIME_MAX).to_be_bytes();
            out.extend_from_slice(&[high, middle, low]);
        }),
        Capability::Fqdn { host, domain } => {
            name(host, NAME_LEN_MAX, out);
            name(domain, NAME_LEN_MAX, out);
        }
        Capability::SoftwareVersion(version) => name(version, VALUE_LEN_MAX - 1, out),
        Capability::PathsLimit(entries) => list(out, 0, entries, |entry, out| {
            family(entry.afi, entry.safi, out);
            out.extend_from_slice(&entry.limit.to_be_bytes());
        }),
        Capability::Unknown { value, .. } => out.extend_from_slice(value),
    }
}

const fn flag(set: bool, bit: u16) -> u16 {
    if set { bit } else { 0 }
}

fn family(afi: Afi, safi: Safi, out: &mut Vec<u8>) {
    out.extend_from_slice(&afi.0.to_be_bytes());
    out.push(safi.0);
}

/// Appends entries while the value, `base` octets before them included, stays within its limit.
fn list<T>(out: &mut Vec<u8>, base: usize, entries: &[T], write: fn(&T, &mut Vec<u8>)) {
    let end = out.len() - base + VALUE_LEN_MAX;
    for entry in entries {
        let at = out.len();
        write(entry, out);
        if out.len() > end {
            out.truncate(at);
            return;
        }
    }
}

fn name(text: &str, max: usize, out: &mut Vec<u8>) {
    let text = cut(text, max);
    // Both limits fit one octet.
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}
