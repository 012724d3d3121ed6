//! NOTIFICATION: why a session ends (RFC 4271 §4.5 and §6, RFC 4486, RFC 9003).
//!
//! There is a constructor for each fault we may have to report, so that code, subcode and the data
//! that belongs to them cannot be mixed up. Printing one never trusts what the peer put into it:
//! the text of a shutdown is another operator's, with whatever control characters it has.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;

use albedo_types::Family;

use crate::cursor::Cursor;
use crate::error::{DecodeError, ErrorKind};
use crate::frame::{self, HEADER_LEN, MESSAGE_LEN_MAX, MessageType};

pub mod codes;

/// Octets of code and subcode.
const FIXED_LEN: usize = 2;
/// Octets of data in a message of [`MESSAGE_LEN_MAX`]; more are cut off when it is written.
pub const DATA_LEN_MAX: usize = MESSAGE_LEN_MAX - HEADER_LEN - FIXED_LEN;
/// Octets of a shutdown text (RFC 9003 §2).
pub const TEXT_LEN_MAX: usize = 255;
/// Octets of data that are printed in hexadecimal; the rest is only counted.
const SHOWN_LEN_MAX: usize = 32;

/// A NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// The error code; see [`codes`].
    pub code: u8,
    /// The error subcode, 0 where there is none.
    pub subcode: u8,
    /// What the code says more.
    pub data: Vec<u8>,
}

impl Notification {
    /// A NOTIFICATION without data.
    #[must_use]
    pub const fn new(code: u8, subcode: u8) -> Self {
        Self { code, subcode, data: Vec::new() }
    }

    /// A NOTIFICATION with data.
    #[must_use]
    pub fn with_data(code: u8, subcode: u8, data: &[u8]) -> Self {
        Self { code, subcode, data: data.to_vec() }
    }

    /// 1/1: the marker is not all ones.
    #[must_use]
    pub const fn not_synchronised() -> Self {
        Self::new(codes::HEADER, 1)
    }

    /// 1/2: an impossible length field, which is sent back.
    #[must_use]
    pub fn bad_length(length: u16) -> Self {
        Self::with_data(codes::HEADER, 2, &length.to_be_bytes())
    }

    /// 1/3: an unknown type octet, which is sent back.
    #[must_use]
    pub fn bad_type(kind: u8) -> Self {
        Self::with_data(codes::HEADER, 3, &[kind])
    }

    /// 2/0: the OPEN cannot be parsed.
    #[must_use]
    pub const fn malformed_open() -> Self {
        Self::new(codes::OPEN, codes::open::UNSPECIFIC)
    }

    /// 2/1: not BGP-4; the data names the version we speak.
    #[must_use]
    pub fn unsupported_version() -> Self {
        Self::with_data(codes::OPEN, codes::open::UNSUPPORTED_VERSION, &[0, 4])
    }

    /// 2/2: another AS than expected.
    #[must_use]
    pub const fn bad_peer_as() -> Self {
        Self::new(codes::OPEN, codes::open::BAD_PEER_AS)
    }

    /// 2/3: an impossible identifier.
    #[must_use]
    pub const fn bad_identifier() -> Self {
        Self::new(codes::OPEN, codes::open::BAD_IDENTIFIER)
    }

    /// 2/4: an optional parameter that is not "capabilities".
    #[must_use]
    pub const fn unsupported_parameter() -> Self {
        Self::new(codes::OPEN, codes::open::UNSUPPORTED_PARAMETER)
    }

    /// 2/6: a hold time of one or two seconds, or below our minimum.
    #[must_use]
    pub const fn unacceptable_hold_time() -> Self {
        Self::new(codes::OPEN, codes::open::UNACCEPTABLE_HOLD_TIME)
    }

    /// 2/7: capabilities are missing; the data are their TLVs (RFC 5492 §3).
    #[must_use]
    pub fn unsupported_capability(tlvs: &[u8]) -> Self {
        Self::with_data(codes::OPEN, codes::open::UNSUPPORTED_CAPABILITY, tlvs)
    }

    /// 2/11: the roles do not fit (RFC 9234 §4.2).
    #[must_use]
    pub const fn role_mismatch() -> Self {
        Self::new(codes::OPEN, codes::open::ROLE_MISMATCH)
    }

    /// 3/1: the lengths of an UPDATE contradict each other.
    #[must_use]
    pub const fn malformed_attributes() -> Self {
        Self::new(codes::UPDATE, codes::update::MALFORMED_ATTRIBUTES)
    }

    /// 3/2: a well-known attribute we do not know, which is sent back.
    #[must_use]
    pub fn unrecognised_well_known(attribute: &[u8]) -> Self {
        let subcode = codes::update::UNRECOGNISED_WELL_KNOWN;
        Self::with_data(codes::UPDATE, subcode, attribute)
    }

    /// 3/9: an optional attribute that cannot be parsed, which is sent back.
    #[must_use]
    pub fn optional_attribute(attribute: &[u8]) -> Self {
        let subcode = codes::update::OPTIONAL_ATTRIBUTE;
        Self::with_data(codes::UPDATE, subcode, attribute)
    }

    /// 3/10: a prefix that cannot be parsed.
    #[must_use]
    pub const fn invalid_network() -> Self {
        Self::new(codes::UPDATE, codes::update::INVALID_NETWORK)
    }

    /// 4/0: nothing was heard for the hold time.
    #[must_use]
    pub const fn hold_timer_expired() -> Self {
        Self::new(codes::HOLD_TIMER, 0)
    }

    /// 5/1 to 5/3: a message that the state does not allow; the data are its type (RFC 6608).
    #[must_use]
    pub fn unexpected_message(state: UnexpectedIn, kind: MessageType) -> Self {
        Self::with_data(codes::FSM, state as u8, &[kind.code()])
    }

    /// 6/1: more prefixes of the family than allowed (RFC 4486 §4).
    #[must_use]
    pub fn max_prefixes(family: Family, bound: u32) -> Self {
        let mut data = Vec::with_capacity(7);
        data.extend_from_slice(&family.afi().0.to_be_bytes());
        data.push(family.safi().0);
        data.extend_from_slice(&bound.to_be_bytes());
        Self { code: codes::CEASE, subcode: codes::cease::MAX_PREFIXES, data }
    }

    /// 6/n with nothing more to say; see [`codes::cease`].
    #[must_use]
    pub const fn cease(subcode: u8) -> Self {
        Self::new(codes::CEASE, subcode)
    }

    /// 6/2 or 6/4 (or another subcode) with a text for the other operator (RFC 9003 §2).
    ///
    /// The text is cut at [`TEXT_LEN_MAX`] octets, between characters. An empty text is left out.
    /// Only subcodes 2 and 4 carry one; with another the text is dropped.
    #[must_use]
    pub fn cease_with_text(subcode: u8, text: &str) -> Self {
        let mut notification = Self::cease(subcode);
        if carries_text(codes::CEASE, subcode) && !text.is_empty() {
            let text = cut(text, TEXT_LEN_MAX);
            // `cut` leaves at most 255 octets.
            notification.data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            notification.data.extend_from_slice(text.as_bytes());
        }
        notification
    }

    /// 6/9: `inner`, and no graceful restart (RFC 8538 §3).
    #[must_use]
    pub fn hard_reset(inner: &Self) -> Self {
        let mut data = Vec::with_capacity(FIXED_LEN + inner.data.len());
        data.extend_from_slice(&[inner.code, inner.subcode]);
        data.extend_from_slice(&inner.data);
        Self { code: codes::CEASE, subcode: codes::cease::HARD_RESET, data }
    }

    /// 7/1: a ROUTE-REFRESH of a wrong length; the data are the whole message (RFC 7313 §5).
    #[must_use]
    pub fn route_refresh_length(message: &[u8]) -> Self {
        Self::with_data(codes::ROUTE_REFRESH, 1, message)
    }

    /// 8/0: the peer took nothing for the send hold time (RFC 9687).
    #[must_use]
    pub const fn send_hold_timer_expired() -> Self {
        Self::new(codes::SEND_HOLD_TIMER, 0)
    }

    /// Reads a message body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BodyTruncated`] if code and subcode are not there.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(body);
        let Some([code, subcode]) = cursor.array() else {
            return Err(DecodeError::new(
                body.len(),
                ErrorKind::BodyTruncated {
                    kind: MessageType::Notification,
                    needed: 2,
                    found: u16::try_from(body.len()).unwrap_or(u16::MAX),
                },
            ));
        };
        Ok(Self::with_data(code, subcode, cursor.rest()))
    }

    /// The whole message. Data beyond [`DATA_LEN_MAX`] octets are cut off: it must reach a peer
    /// without RFC 8654 as well.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(DATA_LEN_MAX)];
        let mut out = Vec::with_capacity(HEADER_LEN + FIXED_LEN + data.len());
        let at = frame::start(&mut out, MessageType::Notification);
        out.extend_from_slice(&[self.code, self.subcode]);
        out.extend_from_slice(data);
        frame::finish(&mut out, at);
        out
    }

    /// The text of the other operator (RFC 9003), as it came: escape it before it is shown.
    ///
    /// `None` if the subcode carries none, the length octet says more than is there, or the text
    /// is empty. Octets that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if !carries_text(self.code, self.subcode) {
            return None;
        }
        let (len, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(*len))?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// What a hard reset wraps (RFC 8538 §3).
    #[must_use]
    pub fn wrapped(&self) -> Option<Self> {
        if (self.code, self.subcode) != (codes::CEASE, codes::cease::HARD_RESET) {
            return None;
        }
        Self::decode(&self.data).ok()
    }
}

/// The states that have a subcode for an unexpected message (RFC 6608 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum UnexpectedIn {
    /// 5/1.
    OpenSent = 1,
    /// 5/2.
    OpenConfirm = 2,
    /// 5/3.
    Established = 3,
}

const fn carries_text(code: u8, subcode: u8) -> bool {
    code == codes::CEASE && matches!(subcode, codes::cease::SHUTDOWN | codes::cease::RESET)
}

/// The longest start of `text` of at most `max` octets that ends between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

impl fmt::Display for Notification {
    /// In words and numbers, on one line, whatever the data hold:
    /// `cease: administrative shutdown (6/2): "maintenance"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = codes::row(self.code).map_or("unknown error", |row| row.name);
        f.write_str(code)?;
        if let Some(subcode) = codes::subcode_name(self.code, self.subcode) {
            write!(f, ": {subcode}")?;
        }
        write!(f, " ({}/{})", self.code, self.subcode)?;
        self.fmt_data(f)
    }
}

impl Notification {
    fn fmt_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.text() {
            return write!(f, ": {text:?}");
        }
        if let Some(inner) = self.wrapped() {
            // A hard reset inside a hard reset is not unwrapped again: the depth is the peer's.
            let code = codes::row(inner.code).map_or("unknown error", |row| row.name);
            f.write_str(" for ")?;
            f.write_str(code)?;
            if let Some(subcode) = codes::subcode_name(inner.code, inner.subcode) {
                write!(f, ": {subcode}")?;
            }
            return write!(f, " ({}/{})", inner.code, inner.subcode);
        }
        match (self.code, self.subcode, self.data.as_slice()) {
            (_, _, []) => Ok(()),
            (codes::HEADER, 2, &[high, low]) => {
                write!(f, ": length {}", u16::from_be_bytes([high, low]))
            }
            (codes::HEADER, 3, &[kind]) => write!(f, ": type {kind}"),
            (codes::OPEN, codes::open::UNSUPPORTED_VERSION, &[high, low]) => {
                write!(f, ": supported {}", u16::from_be_bytes([high, low]))
            }
            (codes::FSM, _, &[kind]) => match MessageType::from_wire(kind) {
                Some(kind) => write!(f, ": {kind}"),
                None => write!(f, ": type {kind}"),
            },
            (codes::CEASE, codes::cease::MAX_PREFIXES, &[a, b, safi, c, d, e, g]) => write!(
                f,
                ": {} of AFI {} SAFI {safi}",
                u32::from_be_bytes([c, d, e, g]),
                u16::from_be_bytes([a, b]),
            ),
            (_, _, data) => fmt_hex(data, f),
        }
    }
}

fn fmt_hex(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(": data ")?;
    for octet in data.iter().take(SHOWN_LEN_MAX) {
        write!(f, "{octet:02x}")?;
    }
    if data.len() > SHOWN_LEN_MAX {
        write!(f, "... ({} octets)", data.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
