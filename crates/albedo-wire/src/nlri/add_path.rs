//! Entries with a path identifier in front (RFC 7911 §3).

use albedo_types::PathId;

use super::{NlriFault, NlriKey};

/// Octets of a path identifier.
pub(crate) const PATH_ID_LEN: usize = 4;

/// Takes a path identifier and a prefix off the front.
#[inline]
pub(super) fn decode<K: NlriKey>(bytes: &[u8]) -> Result<(PathId, K, &[u8]), NlriFault> {
    let Some((id, rest)) = bytes.split_first_chunk::<PATH_ID_LEN>() else {
        return Err(NlriFault::CutShort {
            needed: PATH_ID_LEN.saturating_add(1),
            left: bytes.len(),
        });
    };
    match K::decode(rest) {
        Ok((key, rest)) => Ok((PathId(u32::from_be_bytes(*id)), key, rest)),
        Err(NlriFault::CutShort { needed, left }) => Err(NlriFault::CutShort {
            needed: needed.saturating_add(PATH_ID_LEN),
            left: left.saturating_add(PATH_ID_LEN),
        }),
        Err(fault @ NlriFault::TooLong { .. }) => Err(fault),
    }
}
