//! Autonomous system numbers (RFC 6793).

use core::fmt;
use core::str::FromStr;

/// An autonomous system number, always four octets wide in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// AS 0, reserved: it may not appear on the wire (RFC 7607).
    pub const RESERVED: Self = Self(0);
    /// `AS_TRANS`, which stands for a four-octet number in two octets (RFC 6793 §9).
    pub const TRANS: Self = Self(23456);

    /// The number in two octets: itself where it fits, else [`Asn::TRANS`].
    #[must_use]
    pub const fn to_two_octets(self) -> u16 {
        if self.0 <= 0xffff {
            #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
            let low = self.0 as u16;
            low
        } else {
            23456
        }
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseAsnError;

impl fmt::Display for ParseAsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an AS number: expected 0 to 4294967295, or asdot such as 1.10")
    }
}

impl core::error::Error for ParseAsnError {}

impl FromStr for Asn {
    type Err = ParseAsnError;

    /// Reads asplain (`64512`) and asdot (`1.10`), RFC 5396.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            None => text.parse().map(Self).map_err(|_| ParseAsnError),
            Some((high, low)) => {
                let high: u16 = high.parse().map_err(|_| ParseAsnError)?;
                let low: u16 = low.parse().map_err(|_| ParseAsnError)?;
                Ok(Self(u32::from(high) << 16 | u32::from(low)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
