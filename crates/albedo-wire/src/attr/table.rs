//! The attribute table: one row per attribute that is known, and nothing about any of them
//! anywhere else.
//!
//! A row says what an attribute is called, which flags it has, how long it may be, what else
//! makes it well-formed, whom it is taken from and what a fault costs by whether the peer is
//! internal.
//! Types without a row are passed on or dropped by their flags alone; that goes for the
//! deprecated ones (11 to 13, 19 to 21, 28, 30, 31, 129, 241 to 243) and for BGPsec_PATH, which
//! is never agreed on.
//!
//! RFC 7606 §7, and the RFC in each row.

use core::fmt;

use super::raw::{OPTIONAL, TRANSITIVE};
use super::{aggregator, as_path, cluster, code, opaque};
use crate::error::Treatment::{self, Discard, Reset, TreatAsWithdraw};
use crate::update::{UpdateContext, UpdateFault};

/// Flags of a well-known attribute.
const WELL_KNOWN: u8 = TRANSITIVE;
/// Flags of an optional attribute that everybody passes on.
const OPT_TRANSITIVE: u8 = OPTIONAL | TRANSITIVE;
/// Flags of an optional attribute that stops at who does not know it.
const OPT_LOCAL: u8 = OPTIONAL;

/// How long the value of an attribute may be, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthRule {
    /// Any length, zero included.
    Any,
    /// One length.
    Exactly(usize),
    /// This length or more.
    AtLeast(usize),
    /// A multiple, but not zero.
    MultipleOf(usize),
    /// One length where AS numbers have two octets, another where they have four.
    ByAsWidth {
        /// The length with two-octet numbers.
        two: usize,
        /// The length with four-octet numbers.
        four: usize,
    },
}

impl LengthRule {
    /// Whether a value of `len` octets may be.
    #[must_use]
    pub const fn allows(self, len: usize, as4: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(exact) => len == exact,
            Self::AtLeast(least) => len >= least,
            Self::MultipleOf(unit) => len != 0 && len.is_multiple_of(unit),
            Self::ByAsWidth { two, four } => len == if as4 { four } else { two },
        }
    }
}

impl fmt::Display for LengthRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Exactly(exact) => write!(f, "{exact}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::MultipleOf(unit) => write!(f, "a multiple of {unit}, not 0"),
            Self::ByAsWidth { two, four } => {
                write!(f, "{two}, or {four} with four-octet AS numbers")
            }
        }
    }
}

/// Whom an attribute is taken from; from anybody else it is dropped, whatever it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Every peer.
    Anybody,
    /// Internal peers.
    Internal,
    /// Internal peers, and external ones for which the configuration says so.
    InternalOrAccepted,
    /// Peers with two-octet AS numbers.
    TwoOctetSpeaker,
}

/// What makes a value well-formed beyond its length.
pub type Validate = fn(&[u8], &UpdateContext) -> Result<(), UpdateFault>;

/// What there is to know of an attribute.
#[derive(Clone, Copy, Debug)]
pub struct AttrRow {
    /// The type.
    pub code: u8,
    /// The name, as IANA spells it.
    pub name: &'static str,
    /// The Optional and Transitive bits it has to have.
    pub flags: u8,
    /// How long it may be.
    pub length: LengthRule,
    /// What else is checked.
    pub validate: Validate,
    /// Whom it is taken from.
    pub source: Source,
    /// What wrong flags cost (RFC 7606 §3c).
    pub flags_fault: Treatment,
    /// What any other fault costs if an internal peer sent it.
    pub internal: Treatment,
    /// The same for an external peer.
    pub external: Treatment,
    /// Where that is written.
    pub rfc: &'static str,
}

impl AttrRow {
    const fn new(code: u8, name: &'static str, flags: u8, length: LengthRule) -> Self {
        Self {
            code,
            name,
            flags,
            length,
            validate: opaque::anything,
            source: Source::Anybody,
            flags_fault: TreatAsWithdraw,
            internal: TreatAsWithdraw,
            external: TreatAsWithdraw,
            rfc: "",
        }
    }

    const fn check(self, validate: Validate) -> Self {
        Self { validate, ..self }
    }

    const fn from(self, source: Source) -> Self {
        Self { source, ..self }
    }

    const fn costs(self, internal: Treatment, external: Treatment, rfc: &'static str) -> Self {
        Self { internal, external, rfc, ..self }
    }

    const fn flags_cost(self, flags_fault: Treatment) -> Self {
        Self { flags_fault, ..self }
    }

    /// What a fault of the value costs.
    #[must_use]
    pub const fn treatment(&self, internal: bool) -> Treatment {
        if internal { self.internal } else { self.external }
    }
}

use LengthRule::{Any, AtLeast, ByAsWidth, Exactly, MultipleOf};
use Source::{Internal, InternalOrAccepted, TwoOctetSpeaker};

/// All attributes that are known, in ascending order of type.
pub const ROWS: [AttrRow; 27] = [
    AttrRow::new(code::ORIGIN, "ORIGIN", WELL_KNOWN, Exactly(1)).check(opaque::origin).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 7606 §7.1",
    ),
    AttrRow::new(code::AS_PATH, "AS_PATH", WELL_KNOWN, Any).check(as_path::check).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 7606 §7.2, RFC 7607 §2",
    ),
    AttrRow::new(code::NEXT_HOP, "NEXT_HOP", WELL_KNOWN, Exactly(4)).check(opaque::next_hop).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 7606 §7.3",
    ),
    AttrRow::new(code::MULTI_EXIT_DISC, "MULTI_EXIT_DISC", OPT_LOCAL, Exactly(4)).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 7606 §7.4",
    ),
    AttrRow::new(code::LOCAL_PREF, "LOCAL_PREF", WELL_KNOWN, Exactly(4)).from(Internal).costs(
        TreatAsWithdraw,
        Discard,
        "RFC 7606 §7.5",
    ),
    AttrRow::new(code::ATOMIC_AGGREGATE, "ATOMIC_AGGREGATE", WELL_KNOWN, Exactly(0)).costs(
        Discard,
        Discard,
        "RFC 7606 §7.6",
    ),
    AttrRow::new(code::AGGREGATOR, "AGGREGATOR", OPT_TRANSITIVE, ByAsWidth { two: 6, four: 8 })
        .check(aggregator::check)
        .costs(Discard, Discard, "RFC 7606 §7.7, RFC 7607 §2"),
    AttrRow::new(code::COMMUNITIES, "COMMUNITIES", OPT_TRANSITIVE, MultipleOf(4)).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 7606 §7.8",
    ),
    AttrRow::new(code::ORIGINATOR_ID, "ORIGINATOR_ID", OPT_LOCAL, Exactly(4)).from(Internal).costs(
        TreatAsWithdraw,
        Discard,
        "RFC 7606 §7.9",
    ),
    AttrRow::new(code::CLUSTER_LIST, "CLUSTER_LIST", OPT_LOCAL, MultipleOf(4))
        .check(cluster::check)
        .from(Internal)
        .costs(TreatAsWithdraw, Discard, "RFC 7606 §7.10"),
    AttrRow::new(code::MP_REACH_NLRI, "MP_REACH_NLRI", OPT_LOCAL, AtLeast(5)).costs(
        Reset,
        Reset,
        "RFC 7606 §7.11",
    ),
    AttrRow::new(code::MP_UNREACH_NLRI, "MP_UNREACH_NLRI", OPT_LOCAL, AtLeast(3)).costs(
        Reset,
        Reset,
        "RFC 7606 §7.12",
    ),
    AttrRow::new(code::EXTENDED_COMMUNITIES, "EXTENDED_COMMUNITIES", OPT_TRANSITIVE, MultipleOf(8))
        .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 7606 §7.14"),
    AttrRow::new(code::AS4_PATH, "AS4_PATH", OPT_TRANSITIVE, AtLeast(6))
        .check(as_path::check_as4)
        .from(TwoOctetSpeaker)
        .costs(Discard, Discard, "RFC 6793 §6"),
    AttrRow::new(code::AS4_AGGREGATOR, "AS4_AGGREGATOR", OPT_TRANSITIVE, Exactly(8))
        .check(aggregator::check_as4)
        .from(TwoOctetSpeaker)
        .costs(Discard, Discard, "RFC 6793 §6"),
    AttrRow::new(code::PMSI_TUNNEL, "PMSI_TUNNEL", OPT_TRANSITIVE, AtLeast(5))
        .check(opaque::pmsi_tunnel)
        .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 6514 §5"),
    AttrRow::new(code::TUNNEL_ENCAPSULATION, "Tunnel Encapsulation", OPT_TRANSITIVE, AtLeast(4))
        .check(opaque::tunnel_encapsulation)
        .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 9012 §13"),
    AttrRow::new(
        code::TRAFFIC_ENGINEERING,
        "Traffic Engineering",
        OPT_LOCAL,
        AtLeast(opaque::TE_DESCRIPTOR_LEN),
    )
    .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 7606 §7.13"),
    AttrRow::new(
        code::IPV6_EXTENDED_COMMUNITIES,
        "IPv6 Extended Communities",
        OPT_TRANSITIVE,
        MultipleOf(20),
    )
    .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 7606 §7.15"),
    AttrRow::new(code::AIGP, "AIGP", OPT_LOCAL, AtLeast(3))
        .check(opaque::aigp)
        .from(InternalOrAccepted)
        .flags_cost(Discard)
        .costs(Discard, Discard, "RFC 7311 §3.2, §3.4"),
    AttrRow::new(code::BGP_LS, "BGP-LS Attribute", OPT_LOCAL, Any).check(opaque::tlvs_16_16).costs(
        Discard,
        Discard,
        "RFC 9552 §8.2.2",
    ),
    AttrRow::new(code::LARGE_COMMUNITIES, "LARGE_COMMUNITY", OPT_TRANSITIVE, MultipleOf(12)).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 8092 §6",
    ),
    AttrRow::new(code::ONLY_TO_CUSTOMER, "Only to Customer", OPT_TRANSITIVE, Exactly(4)).costs(
        TreatAsWithdraw,
        TreatAsWithdraw,
        "RFC 9234 §6",
    ),
    AttrRow::new(code::SFP, "SFP Attribute", OPT_TRANSITIVE, AtLeast(3))
        .check(opaque::tlvs_8_16)
        .costs(Discard, Discard, "RFC 9015 §3.2"),
    AttrRow::new(code::BFD_DISCRIMINATOR, "BFD Discriminator", OPT_TRANSITIVE, AtLeast(5))
        .check(opaque::bfd_discriminator)
        .costs(Discard, Discard, "RFC 9026 §3.1.6"),
    AttrRow::new(code::PREFIX_SID, "BGP Prefix-SID", OPT_TRANSITIVE, AtLeast(3))
        .check(opaque::prefix_sid)
        .from(InternalOrAccepted)
        .costs(Discard, Discard, "RFC 8669 §6"),
    AttrRow::new(code::ATTR_SET, "ATTR_SET", OPT_TRANSITIVE, AtLeast(4))
        .check(opaque::attr_set)
        .costs(TreatAsWithdraw, TreatAsWithdraw, "RFC 7606 §7.16"),
];

/// Marks a type without a row in [`INDEX`].
const NO_ROW: u8 = u8::MAX;

/// Row of each type, by its position.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
#[expect(clippy::cast_possible_truncation, reason = "there are fewer rows than types")]
const INDEX: [u8; 256] = {
    let mut index = [NO_ROW; 256];
    let mut n = 0;
    while n < ROWS.len() {
        index[ROWS[n].code as usize] = n as u8;
        n += 1;
    }
    index
};

static TABLE: [AttrRow; ROWS.len()] = ROWS;

/// The row of a type, if it is known.
#[must_use]
pub fn row(code: u8) -> Option<&'static AttrRow> {
    let place = INDEX.get(usize::from(code))?;
    TABLE.get(usize::from(*place))
}
