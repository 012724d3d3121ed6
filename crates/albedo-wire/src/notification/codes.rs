//! NOTIFICATION codes and subcodes, one row each (IANA, "BGP Error Codes").
//!
//! The table names what we send, what we are sent and what we only ever read about in logs; the
//! constructors of [`Notification`](super::Notification) take their numbers from the constants.

/// Message header error (RFC 4271 §6.1).
pub const HEADER: u8 = 1;
/// OPEN message error (RFC 4271 §6.2).
pub const OPEN: u8 = 2;
/// UPDATE message error (RFC 4271 §6.3).
pub const UPDATE: u8 = 3;
/// Hold timer expired (RFC 4271 §6.5).
pub const HOLD_TIMER: u8 = 4;
/// Finite state machine error (RFC 6608).
pub const FSM: u8 = 5;
/// Cease (RFC 4486).
pub const CEASE: u8 = 6;
/// ROUTE-REFRESH message error (RFC 7313).
pub const ROUTE_REFRESH: u8 = 7;
/// Send hold timer expired (RFC 9687).
pub const SEND_HOLD_TIMER: u8 = 8;

/// Subcodes of [`CEASE`] (RFC 4486, RFC 8538, RFC 9384).
pub mod cease {
    /// More prefixes than allowed.
    pub const MAX_PREFIXES: u8 = 1;
    /// The operator stopped the session; carries a text (RFC 9003).
    pub const SHUTDOWN: u8 = 2;
    /// The peer is not configured any more.
    pub const DECONFIGURED: u8 = 3;
    /// The operator restarts the session; carries a text (RFC 9003).
    pub const RESET: u8 = 4;
    /// The connection is not wanted.
    pub const REJECTED: u8 = 5;
    /// The configuration changed in another way.
    pub const CONFIG_CHANGE: u8 = 6;
    /// The other connection of a collision was kept.
    pub const COLLISION: u8 = 7;
    /// Out of memory or of another resource.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// End without graceful restart; wraps another NOTIFICATION (RFC 8538).
    pub const HARD_RESET: u8 = 9;
    /// BFD saw the path fail (RFC 9384).
    pub const BFD_DOWN: u8 = 10;
}

/// Subcodes of [`OPEN`] (RFC 4271 §6.2, RFC 5492, RFC 9234).
pub mod open {
    /// None of the others.
    pub const UNSPECIFIC: u8 = 0;
    /// Not BGP-4.
    pub const UNSUPPORTED_VERSION: u8 = 1;
    /// Another AS than configured.
    pub const BAD_PEER_AS: u8 = 2;
    /// Zero, or our own.
    pub const BAD_IDENTIFIER: u8 = 3;
    /// Neither capabilities nor anything else we know.
    pub const UNSUPPORTED_PARAMETER: u8 = 4;
    /// One or two seconds, or below the configured minimum.
    pub const UNACCEPTABLE_HOLD_TIME: u8 = 6;
    /// A capability is missing.
    pub const UNSUPPORTED_CAPABILITY: u8 = 7;
    /// The roles do not fit (RFC 9234).
    pub const ROLE_MISMATCH: u8 = 11;
}

/// Subcodes of [`UPDATE`] that are still sent after RFC 7606.
pub mod update {
    /// The lengths contradict each other.
    pub const MALFORMED_ATTRIBUTES: u8 = 1;
    /// A well-known attribute we do not know.
    pub const UNRECOGNISED_WELL_KNOWN: u8 = 2;
    /// An optional attribute cannot be parsed.
    pub const OPTIONAL_ATTRIBUTE: u8 = 9;
    /// A prefix cannot be parsed.
    pub const INVALID_NETWORK: u8 = 10;
}

/// The names of a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The code.
    pub code: u8,
    /// What it says, in words.
    pub name: &'static str,
    /// Its subcodes with their names; subcode 0 says nothing more unless it is listed.
    pub subcodes: &'static [(u8, &'static str)],
}

/// All codes, in order.
pub const CODES: [CodeRow; 8] = [
    CodeRow {
        code: HEADER,
        name: "message header error",
        subcodes: &[
            (1, "connection not synchronised"),
            (2, "bad message length"),
            (3, "bad message type"),
        ],
    },
    CodeRow {
        code: OPEN,
        name: "OPEN message error",
        subcodes: &[
            (1, "unsupported version number"),
            (2, "bad peer AS"),
            (3, "bad BGP identifier"),
            (4, "unsupported optional parameter"),
            (5, "authentication failure (deprecated)"),
            (6, "unacceptable hold time"),
            (7, "unsupported capability"),
            (8, "no common address family (not assigned)"),
            (11, "role mismatch"),
        ],
    },
    CodeRow {
        code: UPDATE,
        name: "UPDATE message error",
        subcodes: &[
            (1, "malformed attribute list"),
            (2, "unrecognised well-known attribute"),
            (3, "missing well-known attribute"),
            (4, "attribute flags error"),
            (5, "attribute length error"),
            (6, "invalid ORIGIN"),
            (7, "AS routing loop (deprecated)"),
            (8, "invalid NEXT_HOP"),
            (9, "optional attribute error"),
            (10, "invalid network field"),
            (11, "malformed AS_PATH"),
        ],
    },
    CodeRow { code: HOLD_TIMER, name: "hold timer expired", subcodes: &[] },
    CodeRow {
        code: FSM,
        name: "finite state machine error",
        subcodes: &[
            (1, "unexpected message in OpenSent"),
            (2, "unexpected message in OpenConfirm"),
            (3, "unexpected message in Established"),
        ],
    },
    CodeRow {
        code: CEASE,
        name: "cease",
        subcodes: &[
            (cease::MAX_PREFIXES, "maximum number of prefixes reached"),
            (cease::SHUTDOWN, "administrative shutdown"),
            (cease::DECONFIGURED, "peer de-configured"),
            (cease::RESET, "administrative reset"),
            (cease::REJECTED, "connection rejected"),
            (cease::CONFIG_CHANGE, "other configuration change"),
            (cease::COLLISION, "connection collision resolution"),
            (cease::OUT_OF_RESOURCES, "out of resources"),
            (cease::HARD_RESET, "hard reset"),
            (cease::BFD_DOWN, "BFD down"),
        ],
    },
    CodeRow {
        code: ROUTE_REFRESH,
        name: "ROUTE-REFRESH message error",
        subcodes: &[(1, "invalid message length")],
    },
    CodeRow { code: SEND_HOLD_TIMER, name: "send hold timer expired", subcodes: &[] },
];

/// The row of a code, if it is assigned.
#[must_use]
pub fn row(code: u8) -> Option<&'static CodeRow> {
    CODES.iter().find(|row| row.code == code)
}

/// The name of a subcode, if it has one.
#[must_use]
pub fn subcode_name(code: u8, subcode: u8) -> Option<&'static str> {
    let (_, name) = row(code)?.subcodes.iter().find(|(n, _)| *n == subcode)?;
    Some(name)
}
