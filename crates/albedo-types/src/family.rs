//! Address families (RFC 4760), one row each.

use core::fmt;
use core::str::FromStr;

/// An address family identifier as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Afi(pub u16);

/// A subsequent address family identifier as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safi(pub u8);

/// A family that Albedo reflects: closed, so that acting on another one cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
}

/// What there is to know of a family.
#[derive(Clone, Copy, Debug)]
pub struct FamilyRow {
    /// The family the row describes.
    pub family: Family,
    /// Its AFI.
    pub afi: Afi,
    /// Its SAFI.
    pub safi: Safi,
    /// The name in configurations, such as `ipv4-unicast`.
    pub name: &'static str,
    /// The label in metrics, such as `ipv4`.
    pub label: &'static str,
    /// Longest prefix, in bits.
    pub bits_max: u8,
}

/// All families, in the order of [`Family`].
pub const FAMILIES: [FamilyRow; 2] = [
    FamilyRow {
        family: Family::Ipv4Unicast,
        afi: Afi(1),
        safi: Safi(1),
        name: "ipv4-unicast",
        label: "ipv4",
        bits_max: 32,
    },
    FamilyRow {
        family: Family::Ipv6Unicast,
        afi: Afi(2),
        safi: Safi(1),
        name: "ipv6-unicast",
        label: "ipv6",
        bits_max: 128,
    },
];

impl Family {
    /// How many families there are.
    pub const COUNT: usize = FAMILIES.len();
    /// All families, in order.
    pub const ALL: [Self; Self::COUNT] = [Self::Ipv4Unicast, Self::Ipv6Unicast];

    /// The family's row.
    #[must_use]
    pub const fn row(self) -> &'static FamilyRow {
        &FAMILIES[self as usize]
    }

    /// Position in [`FAMILIES`]; an index for per-family arrays.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The AFI.
    #[must_use]
    pub const fn afi(self) -> Afi {
        self.row().afi
    }

    /// The SAFI.
    #[must_use]
    pub const fn safi(self) -> Safi {
        self.row().safi
    }

    /// The family of an AFI and SAFI, if it is one of ours.
    #[must_use]
    pub fn from_wire(afi: Afi, safi: Safi) -> Option<Self> {
        FAMILIES.iter().find(|row| row.afi == afi && row.safi == safi).map(|row| row.family)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().name)
    }
}

/// A text that names no family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFamily;

impl fmt::Display for UnknownFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown address family: expected ")?;
        for (n, row) in FAMILIES.iter().enumerate() {
            if n > 0 {
                f.write_str(" or ")?;
            }
            f.write_str(row.name)?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownFamily {}

impl FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        FAMILIES.iter().find(|row| row.name == text).map(|row| row.family).ok_or(UnknownFamily)
    }
}

/// A set of families.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FamilySet(u8);

impl FamilySet {
    /// No family.
    pub const EMPTY: Self = Self(0);
    /// Every family.
    pub const ALL: Self = Self((1 << Family::COUNT) - 1);

    /// The set of one family.
    #[must_use]
    pub const fn of(family: Family) -> Self {
        Self(1 << family as u8)
    }

    /// Adds a family.
    pub fn insert(&mut self, family: Family) {
        self.0 |= Self::of(family).0;
    }

    /// Whether the family is in the set.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & Self::of(family).0 != 0
    }

    /// The families in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no family is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The families in order.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |family| self.contains(*family))
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        let mut set = Self::EMPTY;
        for family in families {
            set.insert(family);
        }
        set
    }
}

impl fmt::Debug for FamilySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
