//! The NOTIFICATION for a fatal UPDATE, with the attribute at fault as its data.
//!
//! RFC 4271 §6.3.

use super::split::Fields;
use crate::attr::take_raw;
use crate::error::DecodeError;
use crate::notification::{DATA_LEN_MAX, Notification};

/// The NOTIFICATION for a fault of the UPDATE with this body.
///
/// Where the fault lies in an attribute, the data is that attribute, as far as a NOTIFICATION has
/// room for it (RFC 4271 §6.3 demands that for subcodes 2 to 9).
#[must_use]
pub fn notification_of(error: &DecodeError, body: &[u8]) -> Notification {
    const WITH_DATA: core::ops::RangeInclusive<u8> = 2..=9;
    let mut notification = error.notification();
    let is_update = error.kind.as_update().is_some();
    if is_update && WITH_DATA.contains(&notification.subcode) {
        let attribute = attribute_at(body, error.offset).unwrap_or_default();
        let shown = attribute.len().min(DATA_LEN_MAX);
        notification.data = attribute.get(..shown).unwrap_or_default().to_vec();
    }
    notification
}

/// The octets of the attribute that `offset` of the body lies in.
fn attribute_at(body: &[u8], offset: usize) -> Option<&[u8]> {
    let fields = Fields::of(body).ok()?;
    let mut rest = fields.attributes;
    let mut start = fields.attributes_offset;
    while !rest.is_empty() && start <= offset {
        let behind = take_raw(rest).map_or(&[] as &[u8], |(_, behind)| behind);
        let whole = rest.len().saturating_sub(behind.len());
        let end = start.saturating_add(whole);
        if offset < end {
            return rest.get(..whole);
        }
        rest = behind;
        start = end;
    }
    None
}
