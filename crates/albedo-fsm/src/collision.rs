//! Which of two connections between the same speakers survives (RFC 4271 §6.8, RFC 6286 §2.3).

use albedo_types::{Asn, RouterId};

use crate::event::ConnId;

/// The connection to keep: that of the speaker with the higher identifier, compared as numbers;
/// of equal ones, that of the higher AS.
///
/// Both equal cannot be: such a peer's OPEN is refused.
pub(crate) fn kept(local: (RouterId, Asn), remote: (RouterId, Asn)) -> ConnId {
    if local > remote { ConnId::Outgoing } else { ConnId::Incoming }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_identifier_then_higher_as() {
        let id = |n| RouterId::new(n).unwrap();
        // As numbers in host order: 2.0.0.0 is above 1.255.255.255.
        assert_eq!(kept((id(0x0200_0000), Asn(1)), (id(0x01ff_ffff), Asn(9))), ConnId::Outgoing);
        assert_eq!(kept((id(0x01ff_ffff), Asn(9)), (id(0x0200_0000), Asn(1))), ConnId::Incoming);
        assert_eq!(kept((id(0x8000_0000), Asn(1)), (id(0x7fff_ffff), Asn(9))), ConnId::Outgoing);
        assert_eq!(kept((id(7), Asn(2)), (id(7), Asn(1))), ConnId::Outgoing);
        assert_eq!(kept((id(7), Asn(1)), (id(7), Asn(2))), ConnId::Incoming);
    }
}
