//! GTSM on listeners, which many peers share (RFC 5082).
//!
//! What a listener demands, it demands of everybody, so the least TTL is set on each accepted
//! socket.
//! What came before that was looked at by nobody: so the listener keeps the packet that began a
//! connection, and one that came too far, or cannot be shown, ends it.
//! The answer to that packet leaves with the listener's own TTL, which therefore is 255 as soon as
//! one peer asks for it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::{Hops, SocketError, raw};

/// What a listener is told on behalf of its peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerHops {
    /// Whether some peer demands GTSM: packets leave with 255, and the first of a connection is
    /// kept.
    pub any: bool,
    /// How far the farthest peer may be, if all of them demand GTSM.
    pub all: Option<u8>,
}

impl ListenerHops {
    /// What peers with these settings come to.
    #[must_use]
    pub fn of(peers: impl IntoIterator<Item = Hops>) -> Self {
        let mut hops = Self::default();
        let mut farthest = Some(0);
        for peer in peers {
            match peer {
                Hops::Security { hops: far } => {
                    hops.any = true;
                    farthest = farthest.map(|least: u8| least.max(far));
                }
                Hops::System | Hops::Ttl(_) => farthest = None,
            }
        }
        hops.all = farthest.filter(|_| hops.any);
        hops
    }

    /// Sets it on a listener, or takes it back.
    ///
    /// # Errors
    ///
    /// The kernel refused an option.
    pub fn set(self, listener: &impl AsFd, addr: SocketAddr) -> Result<(), SocketError> {
        let ttl = if self.any { 255 } else { libc_default() };
        let least = self.all.map_or(0, |hops| i32::from(least_ttl(hops)));
        let v4 = addr.is_ipv4();
        let options = [
            if v4 {
                ("IP_TTL", libc::IPPROTO_IP, libc::IP_TTL, ttl)
            } else {
                ("IPV6_UNICAST_HOPS", libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, ttl)
            },
            if v4 {
                ("IP_MINTTL", libc::IPPROTO_IP, libc::IP_MINTTL, least)
            } else {
                ("IPV6_MINHOPCOUNT", libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, least)
            },
            ("TCP_SAVE_SYN", libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, i32::from(self.any)),
        ];
        for (option, level, name, value) in options {
            raw::set_int(listener.as_fd(), level, name, value)
                .map_err(|cause| SocketError::Option { option, target: addr.to_string(), cause })?;
        }
        Ok(())
    }
}

/// What gives a socket the system's TTL back (`ip(7)`).
const fn libc_default() -> i32 {
    -1
}

/// The least TTL of a packet that was sent with 255 and has come so far.
pub(super) const fn least_ttl(hops: u8) -> u8 {
    u8::MAX - hops.saturating_sub(1)
}

/// Whether the packet that began an accepted connection is known to have come no farther.
///
/// # Errors
///
/// The kernel does not say.
pub fn is_near(socket: &impl AsFd, hops: u8) -> io::Result<bool> {
    let packet = raw::saved_syn(socket)?;
    // The TTL of IPv4, and the hop limit of IPv6.
    let ttl = match packet.first().map(|first| first >> 4) {
        Some(4) => packet.get(8),
        Some(6) => packet.get(7),
        _ => None,
    };
    Ok(ttl.is_some_and(|ttl| *ttl >= least_ttl(hops)))
}
