//! What a session is told (RFC 4271 §8.1; the numbers are those of its events).

use core::fmt;

use alloc::string::String;

use albedo_wire::frame::Frame;
use albedo_wire::notification::Notification;

/// One of the two connections a peer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnId {
    /// The one we made.
    Outgoing,
    /// The one the peer made.
    Incoming,
}

impl ConnId {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Outgoing, Self::Incoming];

    /// As an index into an array of two.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The one in the other direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
        }
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        })
    }
}

/// How a connection ended without our doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed it.
    Closed {
        /// Octets of a message that was not complete yet; 0 is a clean end.
        octets_of_message: usize,
    },
    /// Reading or writing failed.
    Failed(String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { octets_of_message: 0 } => f.write_str("connection closed by the peer"),
            Self::Closed { octets_of_message } => write!(
                f,
                "connection closed by the peer after {octets_of_message} octets of a message"
            ),
            Self::Failed(error) => write!(f, "connection failed: {error}"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session shall run (1, 3 to 5). Ends an idle hold as well.
    Start,
    /// The session shall end, and the peer is told so (2).
    Stop {
        /// The subcode of Cease (RFC 4486).
        subcode: u8,
        /// For subcodes 2 and 4, a text for the other operator (RFC 9003); may be empty.
        text: &'a str,
    },
    /// The session shall end without a word: a peer that knows graceful restart then keeps our
    /// routes, which any NOTIFICATION would make it drop (RFC 4724 §4.2).
    Leave,
    /// The connection that [`Action::Connect`](crate::Action::Connect) asked for is there (16).
    /// There is no such thing for an incoming one; that is [`Event::Accepted`].
    Connected(ConnId),
    /// The connection that was asked for cannot be made (18).
    ConnectFailed,
    /// The peer made a connection (17).
    Accepted,
    /// A connection ended without our doing (18); the driver has closed it already.
    Closed(ConnId, CloseReason),
    /// A whole message has arrived (19, 24 to 27). Of an UPDATE only the fact is looked at.
    Message(ConnId, Frame<'a>),
    /// The driver found a fault that ends the session: in the framing (21), or in an UPDATE (28).
    DecodeFailed(ConnId, Notification),
    /// Bytes lie unread in the socket: the peer is alive, it is us who are behind.
    DataWaiting(ConnId),
    /// The socket took bytes, so the peer reads (RFC 9687 §3).
    Written(ConnId),
}
