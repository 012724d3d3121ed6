//! The language of policies: what a rule asks of a route, and what it does with it.
//!
//! Plain values only; what compiles and applies them is in the RIB.
//!
//! RFC 1997, RFC 8092 (communities); RFC 4271 §9.1.1 and §9.1.3 (policies are ours to choose).

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::{Asn, FamilySet, Prefix};

/// A community of either kind that rules speak of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Community {
    /// RFC 1997: two numbers of 16 bits in one.
    Standard(u32),
    /// RFC 8092.
    Large([u32; 3]),
}

/// Why a text is no community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCommunityError;

impl fmt::Display for ParseCommunityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a community: expected two numbers up to 65535, or three up to 4294967295")
    }
}

impl core::error::Error for ParseCommunityError {}

/// Well-known communities with the names that people write (IANA registry).
const WELL_KNOWN: [(&str, u32); 7] = [
    ("no-export", 0xffff_ff01),
    ("no-advertise", 0xffff_ff02),
    ("no-peer", 0xffff_ff04),
    ("graceful-shutdown", 0xffff_0000),
    ("llgr-stale", 0xffff_0006),
    ("no-llgr", 0xffff_0007),
    ("blackhole", 0xffff_029a),
];

impl FromStr for Community {
    type Err = ParseCommunityError;

    /// Reads `64512:100`, `64512:1:2`, and the names of well-known ones.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, value)) = WELL_KNOWN.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Standard(*value));
        }
        let number = |text: &str| match text.as_bytes() {
            // A sign is no digit, whatever the standard library thinks.
            [b'0'..=b'9', ..] => text.parse::<u32>().map_err(|_| ParseCommunityError),
            _ => Err(ParseCommunityError),
        };
        let mut parts = text.split(':');
        let mut next = || parts.next().map(number);
        match (next(), next(), next(), next()) {
            (Some(high), Some(low), None, None) => {
                let half = |number| u16::try_from(number).map_err(|_| ParseCommunityError);
                Ok(Self::Standard(u32::from(half(high?)?) << 16 | u32::from(half(low?)?)))
            }
            (Some(global), Some(first), Some(second), None) => {
                Ok(Self::Large([global?, first?, second?]))
            }
            _ => Err(ParseCommunityError),
        }
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(value) => write!(f, "{}:{}", value >> 16, value & 0xffff),
            Self::Large([global, first, second]) => write!(f, "{global}:{first}:{second}"),
        }
    }
}

impl fmt::Debug for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The prefixes inside of one whose lengths are within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrefixRange {
    /// What they lie in.
    pub prefix: Prefix,
    /// Shortest length, in bits.
    pub min: u8,
    /// Longest length, in bits.
    pub max: u8,
}

impl PrefixRange {
    /// The one prefix.
    #[must_use]
    pub const fn exactly(prefix: Prefix) -> Self {
        Self { prefix, min: prefix.len(), max: prefix.len() }
    }

    /// Whether a prefix is one of them.
    #[must_use]
    pub const fn holds(&self, prefix: Prefix) -> bool {
        let len = prefix.len();
        len >= self.prefix.len()
            && self.min <= len
            && len <= self.max
            && self.prefix.contains(prefix.addr())
    }
}

/// Where a peer is, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// In our AS.
    Internal,
    /// In another one.
    External,
}

/// What a rule asks of a route; all of it has to hold, and what is left empty always does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct When {
    /// Its family is one of these.
    pub families: Option<FamilySet>,
    /// Its prefix is in one of these.
    pub prefixes: Option<Vec<PrefixRange>>,
    /// Its prefix is in none of these.
    pub not_prefixes: Vec<PrefixRange>,
    /// It bears one of these.
    pub communities: Option<Vec<Community>>,
    /// Its AS_PATH begins with these, in this order.
    pub as_path_prefix: Vec<Asn>,
    /// Its next hop is in one of these.
    pub next_hops: Option<Vec<Prefix>>,
    /// Its LOCAL_PREF is within these, both included.
    pub local_pref: Option<(u32, u32)>,
    /// The peer of the session is there.
    pub peer: Option<Side>,
}

/// What a rule changes of a route, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Change {
    /// Whether all standard and large communities go.
    pub clear_communities: bool,
    /// Communities that go.
    pub remove_communities: Vec<Community>,
    /// Communities that come.
    pub add_communities: Vec<Community>,
    /// The new LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// The new MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// What stands in front of AS_PATH then, in this order.
    pub prepend: Vec<Asn>,
}

impl Change {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of a route that a rule holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Then {
    /// It is taken, or told; no further rule is asked.
    Accept,
    /// It is not; no further rule is asked.
    Reject,
    /// The next rules are asked. They see it as it came, not as this one changes it.
    #[default]
    Next,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Which routes it is about.
    pub when: When,
    /// What it changes of them.
    pub change: Change,
    /// What becomes of them.
    pub then: Then,
}

/// Rules in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Whether a route is accepted for which no rule decides.
    pub accepts_rest: bool,
}

#[cfg(test)]
mod tests;
