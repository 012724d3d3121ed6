//! Who hears of a route: the reflection matrix and the well-known communities.
//!
//! RFC: 4456 §6, 1997.

use albedo_types::PeerRole;

use crate::attrs::Marks;

/// Whether a best route from a peer of role `from`, bearing `marks`, is told to peers of role
/// `to`; split horizon is not looked at here.
#[must_use]
pub const fn reflects(from: PeerRole, to: PeerRole, marks: Marks) -> bool {
    if marks.contains(Marks::NO_ADVERTISE) {
        return false;
    }
    match (from, to) {
        (_, PeerRole::External) => !marks.contains(Marks::NO_EXPORT),
        (PeerRole::NonClient, PeerRole::NonClient) => false,
        (PeerRole::External | PeerRole::Client, PeerRole::Client | PeerRole::NonClient)
        | (PeerRole::NonClient, PeerRole::Client) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PeerRole::{Client, External, NonClient};

    #[test]
    fn rfc4456_s6_reflection_matrix() {
        let none = Marks::default();
        for (from, to, told) in [
            (Client, Client, true),
            (Client, NonClient, true),
            (Client, External, true),
            (NonClient, Client, true),
            (NonClient, NonClient, false),
            (NonClient, External, true),
            (External, Client, true),
            (External, NonClient, true),
            (External, External, true),
        ] {
            assert_eq!(reflects(from, to, none), told, "{from} to {to}");
            assert!(!reflects(from, to, Marks::NO_ADVERTISE), "{from} to {to}, no-advertise");
            let kept = told && to != External;
            assert_eq!(reflects(from, to, Marks::NO_EXPORT), kept, "{from} to {to}, no-export");
        }
    }
}
