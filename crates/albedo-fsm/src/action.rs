//! What a session says is to be done.

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use albedo_types::{Afi, Safi};
use albedo_wire::negotiated::Negotiated;
use albedo_wire::notification::Notification;
use albedo_wire::open::{IgnoredCapability, Open};
use albedo_wire::route_refresh::RouteRefresh;

use crate::event::{CloseReason, ConnId};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to the peer; the answer is `Connected` or `ConnectFailed`.
    Connect,
    /// Send these octets: one whole message.
    Send(ConnId, Vec<u8>),
    /// Close the connection, or stop making it, and report nothing more of it.
    Close(ConnId, Close),
    /// The accepted connection is the incoming one from now on; if there was one before, it was
    /// closed by the action before this.
    Adopt,
    /// The accepted connection is not wanted: send the message, if there is one, and close it.
    Reject(Option<Vec<u8>>),
    /// The session is Established.
    Up(Box<Up>),
    /// The session is not Established any more.
    Down(Down),
    /// An attempt ended before it was Established: worth a line in a log, nothing else.
    Failed(Down),
    /// The peer wants a negotiated family again, or marks its own answer.
    Refresh(RouteRefresh),
    /// Something was odd, but no reason to end the session.
    Warn(Warning),
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// A NOTIFICATION was sent last: leave the peer a moment to read it instead of a reset.
    pub linger: bool,
}

/// A session that is Established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// On which connection.
    pub conn: ConnId,
    /// Its terms.
    pub negotiated: Negotiated,
    /// The OPEN we sent.
    pub local_open: Open,
    /// The OPEN the peer sent.
    pub remote_open: Open,
}

/// The end of a session, or of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// On which connection.
    pub conn: ConnId,
    /// Why.
    pub reason: DownReason,
    /// The NOTIFICATION we sent.
    pub sent: Option<Notification>,
    /// The NOTIFICATION the peer sent.
    pub received: Option<Notification>,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// [`Event::Stop`](crate::Event::Stop).
    Stopped,
    /// [`Event::Leave`](crate::Event::Leave).
    Left,
    /// The peer said so by NOTIFICATION.
    Notification,
    /// The peer sent something malformed, unexpected or unacceptable.
    Protocol,
    /// Nothing was heard for the hold time.
    HoldExpired {
        /// The hold time.
        after: Duration,
    },
    /// No OPEN came.
    OpenWaitExpired {
        /// How long it was waited for.
        after: Duration,
    },
    /// The peer took nothing from its socket (RFC 9687).
    SendHoldExpired {
        /// The send hold time.
        after: Duration,
    },
    /// The connection ended.
    Lost(CloseReason),
    /// The peer made a new connection and knows graceful restart, so the old one is dead
    /// (RFC 4724 §5).
    Replaced,
}

impl fmt::Display for Down {
    /// In words, on one line: `nothing heard for 90 s; sent hold timer expired (4/0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            DownReason::Stopped => f.write_str("stopped")?,
            DownReason::Left => f.write_str("left without notification")?,
            DownReason::Notification => f.write_str("ended by the peer")?,
            DownReason::Protocol => f.write_str("protocol error of the peer")?,
            DownReason::HoldExpired { after } => {
                write!(f, "nothing heard for {} s", after.as_secs())?;
            }
            DownReason::OpenWaitExpired { after } => {
                write!(f, "no OPEN within {} s", after.as_secs())?;
            }
            DownReason::SendHoldExpired { after } => {
                write!(f, "peer took nothing for {} s", after.as_secs())?;
            }
            DownReason::Lost(reason) => reason.fmt(f)?,
            DownReason::Replaced => f.write_str("replaced by a new connection of the peer")?,
        }
        if let Some(sent) = &self.sent {
            write!(f, "; sent {sent}")?;
        }
        if let Some(received) = &self.received {
            write!(f, "; received {received}")?;
        }
        Ok(())
    }
}

/// Something odd that a peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Its OPEN holds a capability that cannot be read; it counts as not offered.
    Capability(IgnoredCapability),
    /// It wants a family that was not negotiated; the request is ignored (RFC 2918 §4).
    RefreshOfOtherFamily {
        /// The AFI.
        afi: Afi,
        /// The SAFI.
        safi: Safi,
    },
    /// A ROUTE-REFRESH of an unknown subtype; it is ignored (RFC 7313 §5).
    RefreshSubtype(u8),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(ignored) => write!(f, "ignored {ignored}"),
            Self::RefreshOfOtherFamily { afi, safi } => write!(
                f,
                "ignored a refresh of AFI {} SAFI {}, which is not negotiated",
                afi.0, safi.0
            ),
            Self::RefreshSubtype(subtype) => {
                write!(f, "ignored a refresh of unknown subtype {subtype}")
            }
        }
    }
}

impl Down {
    /// Words that do not need the peer's or our own NOTIFICATION.
    pub(crate) const fn new(conn: ConnId, reason: DownReason) -> Self {
        Self { conn, reason, sent: None, received: None }
    }

    pub(crate) fn sent(mut self, notification: Notification) -> Self {
        self.sent = Some(notification);
        self
    }

    pub(crate) fn received(mut self, notification: Notification) -> Self {
        self.received = Some(notification);
        self
    }
}

impl From<&str> for CloseReason {
    /// A failure in these words.
    fn from(error: &str) -> Self {
        Self::Failed(String::from(error))
    }
}
