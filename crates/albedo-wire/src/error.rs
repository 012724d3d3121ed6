//! What can be wrong with a message, where, and what is done about it.
//!
//! One closed enumeration for the whole crate, so that each fault has exactly one treatment
//! (RFC 7606) and one NOTIFICATION (RFC 4271 §6), decided here and nowhere else.

use crate::frame::MessageType;
use crate::notification::Notification;
use crate::update::UpdateFault;

/// What a fault costs (RFC 7606 §2), mildest first: of several, the greatest is done (§3h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The attribute is dropped, the rest of the UPDATE counts.
    Discard,
    /// All prefixes of the UPDATE are taken as withdrawn; the session lives.
    TreatAsWithdraw,
    /// The family is ignored for the rest of the session.
    DisableFamily,
    /// A NOTIFICATION goes out and the session ends.
    Reset,
}

impl core::fmt::Display for Treatment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Self::Discard => "attribute discard",
            Self::TreatAsWithdraw => "treat as withdraw",
            Self::DisableFamily => "disable family",
            Self::Reset => "session reset",
        })
    }
}

/// A fault and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at octet {offset})")]
pub struct DecodeError {
    /// Octets from the start of the message body to the fault; for faults of the header, from the
    /// start of the message.
    pub offset: usize,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong: the offending value, and what was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    // Header (RFC 4271 §6.1).
    /// An octet of the marker is not 255.
    #[error("marker octet {found:#04x}: expected 0xff")]
    Marker {
        /// The octet.
        found: u8,
    },
    /// The length field is impossible for the type.
    #[error("length {found} of {}: expected {min} to {max} octets", TypeName(*.kind))]
    MessageLength {
        /// The type, unless it is one we do not speak.
        kind: Option<MessageType>,
        /// The length field.
        found: u16,
        /// The shortest message of the type, in octets.
        min: u16,
        /// The longest message of the type, in octets.
        max: u16,
    },
    /// The type octet is none we speak.
    #[error("message type {found}: expected 1 to 5")]
    MessageType {
        /// The octet.
        found: u8,
    },

    // OPEN (RFC 4271 §6.2, RFC 5492, RFC 9072).
    /// Not BGP-4.
    #[error("BGP version {found}: expected 4")]
    Version {
        /// The version octet.
        found: u8,
    },
    /// The optional parameters do not fill the rest of the message.
    #[error("optional parameters of {found} octets: expected {allowed}")]
    OptionalParametersLength {
        /// The length field.
        found: u16,
        /// What is left of the message, in octets.
        allowed: u16,
    },
    /// The message ends inside a field that frames others.
    #[error("OPEN is cut short: expected {needed} more octets, found {found}")]
    OpenTruncated {
        /// Octets the field needs.
        needed: u16,
        /// Octets that are left.
        found: u16,
    },
    /// A parameter that is not "capabilities".
    #[error("optional parameter of type {found}: expected 2 (capabilities)")]
    OptionalParameterType {
        /// The type octet.
        found: u8,
    },
    /// A capability without which the session has no meaning has a wrong length.
    #[error("capability {code} of {found} octets: expected {expected}")]
    CapabilityLength {
        /// The capability code.
        code: u8,
        /// Its length octet.
        found: u8,
        /// The only length allowed.
        expected: u8,
    },

    // NOTIFICATION and ROUTE-REFRESH.
    /// The body ends before the fixed fields do.
    #[error("{kind} is cut short: expected {needed} octets, found {found}")]
    BodyTruncated {
        /// The message type.
        kind: MessageType,
        /// Octets the fixed fields need.
        needed: u16,
        /// Octets there are.
        found: u16,
    },
    /// A ROUTE-REFRESH with something behind the four octets (RFC 7313 §5).
    #[error("ROUTE-REFRESH body of {found} octets: expected 4")]
    RouteRefreshLength {
        /// Octets there are.
        found: u16,
    },

    // UPDATE (RFC 4271 §6.3, RFC 7606).
    /// A fault of an UPDATE.
    #[error(transparent)]
    Update(UpdateFault),
}

/// [`crate::frame::HEADER_LEN`] as the width of the length field.
const HEADER_LEN_U16: u16 = 19;

/// The type's name, or words for one that has none.
struct TypeName(Option<MessageType>);

impl core::fmt::Display for TypeName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.0.map_or("a message", MessageType::name))
    }
}

impl DecodeError {
    /// A fault of this kind at this offset.
    #[must_use]
    pub const fn new(offset: usize, kind: ErrorKind) -> Self {
        Self { offset, kind }
    }

    /// A fault of an UPDATE at this offset.
    #[must_use]
    pub const fn update(offset: usize, fault: UpdateFault) -> Self {
        Self::new(offset, ErrorKind::Update(fault))
    }

    /// What is done about it.
    #[must_use]
    pub const fn treatment(&self) -> Treatment {
        self.kind.treatment()
    }

    /// The NOTIFICATION that ends the session if the treatment is [`Treatment::Reset`].
    #[must_use]
    pub fn notification(&self) -> Notification {
        self.kind.notification()
    }
}

impl ErrorKind {
    /// The fault, if it is one of an UPDATE.
    #[must_use]
    pub const fn as_update(&self) -> Option<&UpdateFault> {
        match self {
            Self::Update(fault) => Some(fault),
            _ => None,
        }
    }

    /// What is done about a fault of this kind.
    #[must_use]
    pub const fn treatment(&self) -> Treatment {
        match self {
            Self::Marker { .. }
            | Self::MessageLength { .. }
            | Self::MessageType { .. }
            | Self::Version { .. }
            | Self::OptionalParametersLength { .. }
            | Self::OpenTruncated { .. }
            | Self::OptionalParameterType { .. }
            | Self::CapabilityLength { .. }
            | Self::BodyTruncated { .. }
            | Self::RouteRefreshLength { .. } => Treatment::Reset,
            Self::Update(fault) => fault.treatment(),
        }
    }

    /// The NOTIFICATION of a fault of this kind (RFC 4271 §6, RFC 7313 §5).
    #[must_use]
    pub fn notification(&self) -> Notification {
        match *self {
            Self::Marker { .. } => Notification::not_synchronised(),
            Self::MessageLength { found, .. } => Notification::bad_length(found),
            Self::MessageType { found } => Notification::bad_type(found),
            Self::Version { .. } => Notification::unsupported_version(),
            Self::OptionalParametersLength { .. }
            | Self::OpenTruncated { .. }
            | Self::CapabilityLength { .. } => Notification::malformed_open(),
            Self::OptionalParameterType { .. } => Notification::unsupported_parameter(),
            // A frame is never this short; a body handed in by itself may be.
            Self::BodyTruncated { found, .. } => {
                Notification::bad_length(found.saturating_add(HEADER_LEN_U16))
            }
            Self::RouteRefreshLength { .. } => Notification::route_refresh_length(&[]),
            Self::Update(fault) => fault.notification(),
        }
    }
}

#[cfg(test)]
mod tests;
