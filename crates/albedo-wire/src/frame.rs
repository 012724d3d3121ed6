//! Messages in a byte stream: marker, length, type (RFC 4271 §4.1, RFC 8654).
//!
//! [`split`] is called for every message that arrives, so it allocates nothing and looks at each
//! header once. Faults of the header are found as soon as its 19 octets are there: a peer that
//! announces a message of an impossible length is told so without waiting for the message.

use crate::error::{DecodeError, ErrorKind};

/// Octets of a header: marker, length, type.
pub const HEADER_LEN: usize = 19;
/// Octets of the marker; all of them are 255.
pub const MARKER_LEN: usize = 16;
/// Longest message in octets without RFC 8654; always the limit of OPEN and KEEPALIVE.
pub const MESSAGE_LEN_MAX: usize = 4096;
/// Longest message in octets with RFC 8654.
pub const MESSAGE_LEN_MAX_EXTENDED: usize = 65535;

/// A whole KEEPALIVE.
pub const KEEPALIVE: [u8; HEADER_LEN] = {
    let mut message = [0xff; HEADER_LEN];
    message[16] = 0;
    message[17] = 19;
    message[18] = 4;
    message
};

/// What kind of message it is; the types of RFC 4271 and RFC 2918.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// RFC 4271 §4.2.
    Open = 1,
    /// RFC 4271 §4.3.
    Update = 2,
    /// RFC 4271 §4.5.
    Notification = 3,
    /// RFC 4271 §4.4.
    Keepalive = 4,
    /// RFC 2918.
    RouteRefresh = 5,
}

impl MessageType {
    /// All types, in order.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Update, Self::Notification, Self::Keepalive, Self::RouteRefresh];

    /// The type of a type octet, if it is one we speak.
    #[must_use]
    pub const fn from_wire(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Open,
            2 => Self::Update,
            3 => Self::Notification,
            4 => Self::Keepalive,
            5 => Self::RouteRefresh,
            _ => return None,
        })
    }

    /// The type octet.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name as the RFCs print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Update => "UPDATE",
            Self::Notification => "NOTIFICATION",
            Self::Keepalive => "KEEPALIVE",
            Self::RouteRefresh => "ROUTE-REFRESH",
        }
    }

    /// The shortest and the longest whole message of the type, in octets.
    #[must_use]
    pub const fn len_range(self, extended: bool) -> (usize, usize) {
        let long = if extended { MESSAGE_LEN_MAX_EXTENDED } else { MESSAGE_LEN_MAX };
        match self {
            Self::Open => (29, MESSAGE_LEN_MAX),
            Self::Update => (23, long),
            Self::Notification => (21, long),
            Self::Keepalive => (HEADER_LEN, HEADER_LEN),
            Self::RouteRefresh => (23, long),
        }
    }
}

impl core::fmt::Display for MessageType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

/// One message, still in the buffer it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: MessageType,
    /// What follows the header.
    pub body: &'a [u8],
    /// Octets of the whole message, header included: how much of the buffer it takes.
    pub len: usize,
}

/// The message at the start of `buf`, or `None` while it is not complete.
///
/// `extended` says whether *we* offered RFC 8654, and so whether the peer may send up to
/// [`MESSAGE_LEN_MAX_EXTENDED`] octets.
///
/// # Errors
///
/// [`ErrorKind::Marker`], [`ErrorKind::MessageLength`] and [`ErrorKind::MessageType`], all fatal,
/// with offsets from the start of the message (RFC 4271 §6.1).
#[inline]
pub fn split(buf: &[u8], extended: bool) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some((header, _)) = buf.split_first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let &[ref marker @ .., high, low, kind] = header;
    // As one number: comparing arrays is a call.
    if u128::from_ne_bytes(*marker) != u128::MAX {
        return Err(bad_marker(marker));
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    let Some(kind) = MessageType::from_wire(kind) else {
        return Err(unknown_type(len, kind, extended));
    };
    let (min, max) = kind.len_range(extended);
    if len < min || len > max {
        return Err(bad_length(len, min, max, Some(kind)));
    }
    Ok(buf.get(HEADER_LEN..len).map(|body| Frame { kind, body, len }))
}

#[cold]
fn bad_marker(marker: &[u8; MARKER_LEN]) -> DecodeError {
    let offset = marker.iter().position(|octet| *octet != 0xff).unwrap_or(0);
    DecodeError::new(offset, ErrorKind::Marker { found: marker[offset] })
}

/// The length is judged before the type (RFC 4271 §6.1 names them in that order), by what any
/// message may have.
#[cold]
fn unknown_type(len: usize, kind: u8, extended: bool) -> DecodeError {
    let (_, max) = MessageType::Update.len_range(extended);
    if len < HEADER_LEN || len > max {
        return bad_length(len, HEADER_LEN, max, None);
    }
    DecodeError::new(18, ErrorKind::MessageType { found: kind })
}

#[cold]
fn bad_length(found: usize, min: usize, max: usize, kind: Option<MessageType>) -> DecodeError {
    // All three stem from a two-octet field or from the limits above, which fit two octets.
    let narrow = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    DecodeError::new(
        16,
        ErrorKind::MessageLength { kind, found: narrow(found), min: narrow(min), max: narrow(max) },
    )
}

/// Appends a header for a message of `kind` whose length is filled in by [`finish`].
pub(crate) fn start(out: &mut alloc::vec::Vec<u8>, kind: MessageType) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0xff; MARKER_LEN]);
    out.extend_from_slice(&[0, 0, kind.code()]);
    at
}

/// Writes the length of the message that starts at `at` and ends with `out`.
pub(crate) fn finish(out: &mut [u8], at: usize) {
    let len = out.len() - at;
    debug_assert!(len <= MESSAGE_LEN_MAX_EXTENDED);
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    out[at + MARKER_LEN..at + MARKER_LEN + 2].copy_from_slice(&len.to_be_bytes());
}

#[cfg(test)]
mod tests;
