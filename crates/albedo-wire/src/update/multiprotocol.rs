//! `MP_REACH_NLRI` and `MP_UNREACH_NLRI`, split.
//!
//! RFC 4760 §3 and §4.

use albedo_types::{Afi, Family, Safi};

use super::{UpdateContext, UpdateFault};
use crate::attr::code;
use crate::error::DecodeError;
use crate::nlri::{NextHop, Nlri, NlriField, NlriKey, check_next_hop};

/// Octets of `MP_REACH_NLRI` before its next hop.
const REACH_HEAD_LEN: usize = 4;
/// Octets of `MP_UNREACH_NLRI` before its NLRI.
const UNREACH_HEAD_LEN: usize = 3;

/// `MP_REACH_NLRI`, split (RFC 4760 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpReach<'a> {
    /// The family; `None` if it was not agreed on, or is none of ours: then the routes are not
    /// to be looked at.
    pub family: Option<Family>,
    /// The AFI as found.
    pub afi: Afi,
    /// The SAFI as found.
    pub safi: Safi,
    /// The next hop, still to be checked by [`MpReach::check_next_hop`].
    pub next_hop: &'a [u8],
    /// The NLRI.
    pub nlri: &'a [u8],
    /// Offset of the NLRI in the message body.
    nlri_offset: usize,
}

impl<'a> MpReach<'a> {
    /// The prefixes, for the key of [`MpReach::family`].
    #[must_use]
    pub const fn prefixes<K: NlriKey>(&self, ctx: &UpdateContext) -> Nlri<'a, K> {
        let add_path = ctx.add_path.contains(K::FAMILY);
        Nlri::at(self.nlri, add_path, NlriField::MpReach, self.nlri_offset)
    }

    /// Checks the next hop, as [`check_next_hop`] does; `None` for a family that is not looked
    /// at.
    ///
    /// # Errors
    ///
    /// As [`check_next_hop`]; the offset counts from the start of the message body.
    pub fn check_next_hop(&self, ctx: &UpdateContext) -> Result<Option<NextHop>, DecodeError> {
        let Some(family) = self.family else {
            return Ok(None);
        };
        // One reserved octet stands between the next hop and the NLRI.
        let behind = self.next_hop.len().saturating_add(1);
        check_next_hop(family, self.next_hop, ctx).map(Some).map_err(|error| DecodeError {
            offset: self.nlri_offset.saturating_sub(behind),
            ..error
        })
    }
}

/// `MP_UNREACH_NLRI`, split (RFC 4760 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpUnreach<'a> {
    /// The family; `None` if it was not agreed on, or is none of ours.
    pub family: Option<Family>,
    /// The AFI as found.
    pub afi: Afi,
    /// The SAFI as found.
    pub safi: Safi,
    /// The NLRI.
    pub nlri: &'a [u8],
    /// Offset of the NLRI in the message body.
    nlri_offset: usize,
}

impl<'a> MpUnreach<'a> {
    /// The prefixes, for the key of [`MpUnreach::family`].
    #[must_use]
    pub const fn prefixes<K: NlriKey>(&self, ctx: &UpdateContext) -> Nlri<'a, K> {
        let add_path = ctx.add_path.contains(K::FAMILY);
        Nlri::at(self.nlri, add_path, NlriField::MpUnreach, self.nlri_offset)
    }
}

fn agreed(afi: Afi, safi: Safi, ctx: &UpdateContext) -> Option<Family> {
    Family::from_wire(afi, safi).filter(|family| ctx.families.contains(*family))
}

/// Splits the value of `MP_REACH_NLRI`, which ends at `end` of the message body.
pub(super) fn split_reach<'a>(
    value: &'a [u8],
    end: usize,
    ctx: &UpdateContext,
) -> Result<MpReach<'a>, UpdateFault> {
    let short =
        |needed| UpdateFault::MpCutShort { code: code::MP_REACH_NLRI, found: value.len(), needed };
    let (head, rest) = value
        .split_first_chunk::<REACH_HEAD_LEN>()
        .ok_or_else(|| short(REACH_HEAD_LEN.saturating_add(1)))?;
    let [afi_high, afi_low, safi, next_hop_len] = *head;
    let needed = usize::from(next_hop_len).saturating_add(REACH_HEAD_LEN).saturating_add(1);
    let (next_hop, rest) =
        rest.split_at_checked(usize::from(next_hop_len)).ok_or_else(|| short(needed))?;
    // One octet is reserved; once it counted addresses of layer 2 (RFC 2858), and it is ignored.
    let (_reserved, nlri) = rest.split_first().ok_or_else(|| short(needed))?;
    let (afi, safi) = (Afi(u16::from_be_bytes([afi_high, afi_low])), Safi(safi));
    Ok(MpReach {
        family: agreed(afi, safi, ctx),
        afi,
        safi,
        next_hop,
        nlri,
        nlri_offset: end.saturating_sub(nlri.len()),
    })
}

/// Splits the value of `MP_UNREACH_NLRI`, which ends at `end` of the message body.
pub(super) fn split_unreach<'a>(
    value: &'a [u8],
    end: usize,
    ctx: &UpdateContext,
) -> Result<MpUnreach<'a>, UpdateFault> {
    let Some((head, nlri)) = value.split_first_chunk::<UNREACH_HEAD_LEN>() else {
        return Err(UpdateFault::MpCutShort {
            code: code::MP_UNREACH_NLRI,
            found: value.len(),
            needed: UNREACH_HEAD_LEN,
        });
    };
    let [afi_high, afi_low, safi] = *head;
    let (afi, safi) = (Afi(u16::from_be_bytes([afi_high, afi_low])), Safi(safi));
    Ok(MpUnreach {
        family: agreed(afi, safi, ctx),
        afi,
        safi,
        nlri,
        nlri_offset: end.saturating_sub(nlri.len()),
    })
}
