//! What a peer is to a reflector (RFC 4456 §6).

use core::fmt;
use core::str::FromStr;

/// What a peer is to the reflector; together with the source's role it decides who hears of a
/// route (RFC 4456 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PeerRole {
    /// Internal, served by this reflector.
    Client,
    /// Internal, a reflector or a member of the mesh beside it.
    NonClient,
    /// Of another autonomous system.
    External,
}

impl PeerRole {
    /// All roles, in order.
    pub const ALL: [Self; 3] = [Self::Client, Self::NonClient, Self::External];

    /// Whether the peer is of our own autonomous system.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        !matches!(self, Self::External)
    }

    /// The name in configurations and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::NonClient => "nonClient",
            Self::External => "external",
        }
    }
}

impl fmt::Display for PeerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown role: expected client, nonClient or external")
    }
}

impl core::error::Error for UnknownRole {}

impl FromStr for PeerRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}
