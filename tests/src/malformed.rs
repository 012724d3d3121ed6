//! UPDATEs that break a rule, and what RFC 7606 wants to become of each on an internal session.

use std::net::Ipv4Addr;

use crate::bgp::{HEADER, KEEPALIVE, attribute, code, encoded, message, plain_attributes, update};
use crate::lab::Host;
use crate::net::{Family, Net};

use Change::{Drop, Nlri, Set, Tail, Whole};
use Expect::{Partial, Reset, With, Withdrawn, Without};

/// What the reflector must make of a case.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// The route is withdrawn, the session stays.
    Withdrawn,
    /// The route is accepted without this attribute.
    Without(u8),
    /// The route is accepted, and has this attribute with this value.
    With(u8, &'static [u8]),
    /// As `With`, and the Partial bit is set.
    Partial(u8, &'static [u8]),
    /// The session ends with a NOTIFICATION of this code and one of these subcodes; none listed
    /// means that any will do.
    Reset(u8, &'static [u8]),
}

/// How a case differs from an ordinary UPDATE.
#[derive(Clone, Copy)]
enum Change {
    /// An attribute takes the place of the ordinary one, or is added: flags, type, value.
    Set(u8, u8, &'static [u8]),
    /// An attribute is left out.
    Drop(u8),
    /// These bytes follow the attributes.
    Tail(&'static [u8]),
    /// These bytes follow the prefix.
    Nlri(&'static [u8]),
    /// The whole message is something else.
    Whole(fn(&Subject) -> Vec<u8>),
}

/// One kind of malformed message.
pub struct Case {
    /// What is wrong.
    pub name: &'static str,
    /// The family of the route it is about.
    pub family: Family,
    change: Change,
    /// What must become of it.
    pub expect: Expect,
}

/// The route that a case is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Its prefix.
    pub net: Net,
    /// Who announces it.
    pub source: Host,
    /// Its MED, which tells one version of it from the next.
    pub med: u32,
}

impl Subject {
    /// The ordinary attributes, ascending.
    fn attributes(&self) -> Vec<Vec<u8>> {
        let mut attributes = plain_attributes(self.source.v4(), self.med);
        if self.net.family() == Family::V6 {
            attributes.retain(|one| one[1] != code::NEXT_HOP);
            attributes.push(attribute(0x80, code::MP_REACH, &self.mp_reach(&[])));
        }
        attributes
    }

    /// MP_REACH_NLRI of the route, with more bytes behind its prefix.
    fn mp_reach(&self, more: &[u8]) -> Vec<u8> {
        let mut value = vec![0, 2, 1, 16];
        value.extend_from_slice(&self.source.v6().octets());
        value.push(0);
        self.net.encode(&mut value);
        value.extend_from_slice(more);
        value
    }

    /// The ordinary announcement of the route.
    #[must_use]
    pub fn announcement(&self) -> Vec<u8> {
        update(&[], &self.attributes().concat(), &self.plain_nlri(&[]))
    }

    fn plain_nlri(&self, more: &[u8]) -> Vec<u8> {
        let mut nlri = Vec::new();
        if self.net.family() == Family::V4 {
            self.net.encode(&mut nlri);
            nlri.extend_from_slice(more);
        }
        nlri
    }
}

impl Case {
    /// The malformed message about a route.
    #[must_use]
    pub fn message(&self, subject: &Subject) -> Vec<u8> {
        let mut attributes = subject.attributes();
        let mut nlri = subject.plain_nlri(&[]);
        match self.change {
            Set(flags, code, value) => {
                let one = attribute(flags, code, value);
                match attributes.iter_mut().find(|other| other[1] == code) {
                    Some(place) => *place = one,
                    None => attributes.push(one),
                }
            }
            Drop(code) => attributes.retain(|one| one[1] != code),
            Tail(bytes) => attributes.push(bytes.to_vec()),
            Nlri(bytes) if self.family == Family::V4 => nlri = subject.plain_nlri(bytes),
            Nlri(bytes) => {
                attributes.retain(|one| one[1] != code::MP_REACH);
                attributes.push(attribute(0x80, code::MP_REACH, &subject.mp_reach(bytes)));
            }
            Whole(make) => return make(subject),
        }
        update(&[], &attributes.concat(), &nlri)
    }
}

/// The addresses of the reflector that the cases name, so that its own can be used against it.
pub const REFLECTOR: Host = Host(1);

const fn four(name: &'static str, change: Change, expect: Expect) -> Case {
    Case { name, family: Family::V4, change, expect }
}

const fn six(name: &'static str, change: Change, expect: Expect) -> Case {
    Case { name, family: Family::V6, change, expect }
}

/// The cases whose session survives: treat-as-withdraw, attribute discard, and what only looks
/// wrong.
pub const SURVIVED: &[Case] = &[
    four("ORIGIN of two octets", Set(0x40, code::ORIGIN, &[0, 0]), Withdrawn),
    four("ORIGIN of no octet", Set(0x40, code::ORIGIN, &[]), Withdrawn),
    four("ORIGIN of value 3", Set(0x40, code::ORIGIN, &[3]), Withdrawn),
    four("ORIGIN marked optional", Set(0xc0, code::ORIGIN, &[0]), Withdrawn),
    four("ORIGIN missing", Drop(code::ORIGIN), Withdrawn),
    four("AS_PATH missing", Drop(code::AS_PATH), Withdrawn),
    four(
        "AS_PATH segment of unknown type",
        Set(0x40, code::AS_PATH, &[9, 1, 0, 0, 0, 1]),
        Withdrawn,
    ),
    four("AS_PATH segment of no AS", Set(0x40, code::AS_PATH, &[2, 0]), Withdrawn),
    four("AS_PATH segment past the end", Set(0x40, code::AS_PATH, &[2, 2, 0, 0, 0, 1]), Withdrawn),
    four(
        "AS_PATH with one octet too many",
        Set(0x40, code::AS_PATH, &[2, 1, 0, 0, 0, 1, 2]),
        Withdrawn,
    ),
    four("AS_PATH with AS 0", Set(0x40, code::AS_PATH, &[2, 1, 0, 0, 0, 0]), Withdrawn),
    four("NEXT_HOP of three octets", Set(0x40, code::NEXT_HOP, &[10, 0, 0]), Withdrawn),
    four("NEXT_HOP missing", Drop(code::NEXT_HOP), Withdrawn),
    four("NEXT_HOP 0.0.0.0", Set(0x40, code::NEXT_HOP, &[0, 0, 0, 0]), Withdrawn),
    four("NEXT_HOP of loopback", Set(0x40, code::NEXT_HOP, &[127, 0, 0, 1]), Withdrawn),
    four("NEXT_HOP of multicast", Set(0x40, code::NEXT_HOP, &[224, 0, 0, 5]), Withdrawn),
    four("MED of three octets", Set(0x80, code::MED, &[0, 0, 1]), Withdrawn),
    four("MED marked transitive", Set(0xc0, code::MED, &[0, 0, 0, 1]), Withdrawn),
    four("LOCAL_PREF of five octets", Set(0x40, code::LOCAL_PREF, &[0, 0, 0, 0, 100]), Withdrawn),
    four("COMMUNITIES of six octets", Set(0xc0, code::COMMUNITIES, &[0, 1, 0, 1, 0, 1]), Withdrawn),
    four("COMMUNITIES of no octet", Set(0xc0, code::COMMUNITIES, &[]), Withdrawn),
    four(
        "COMMUNITIES marked non-transitive",
        Set(0x80, code::COMMUNITIES, &[0, 1, 0, 1]),
        Withdrawn,
    ),
    four("ORIGINATOR_ID of three octets", Set(0x80, code::ORIGINATOR_ID, &[1, 2, 3]), Withdrawn),
    four("CLUSTER_LIST of five octets", Set(0x80, code::CLUSTER_LIST, &[1, 2, 3, 4, 5]), Withdrawn),
    four("CLUSTER_LIST of no octet", Set(0x80, code::CLUSTER_LIST, &[]), Withdrawn),
    four(
        "extended communities of seven octets",
        Set(0xc0, code::EXTENDED_COMMUNITIES, &[0; 7]),
        Withdrawn,
    ),
    four("PMSI_TUNNEL of two octets", Set(0xc0, code::PMSI_TUNNEL, &[0, 0]), Withdrawn),
    four(
        "IPv6 extended communities of 19 octets",
        Set(0xc0, code::IPV6_EXTENDED_COMMUNITIES, &[0; 19]),
        Withdrawn,
    ),
    four("large communities of 13 octets", Set(0xc0, code::LARGE_COMMUNITIES, &[0; 13]), Withdrawn),
    four("only to customer of three octets", Set(0xc0, code::ONLY_TO_CUSTOMER, &[0; 3]), Withdrawn),
    four("unknown attribute that claims to be well-known", Set(0x40, 99, &[1]), Withdrawn),
    four("attribute header cut short", Tail(&[0xc0]), Withdrawn),
    four("attribute past the end of the block", Tail(&[0xc0, 8, 8, 0, 1]), Withdrawn),
    four(
        "ORIGINATOR_ID of the reflector",
        Set(0x80, code::ORIGINATOR_ID, &[10, 0, 0, REFLECTOR.0]),
        Withdrawn,
    ),
    four(
        "CLUSTER_LIST with the reflector's",
        Set(0x80, code::CLUSTER_LIST, &[1, 1, 1, 1, 10, 0, 0, REFLECTOR.0]),
        Withdrawn,
    ),
    six("IPv6: ORIGIN of value 9", Set(0x40, code::ORIGIN, &[9]), Withdrawn),
    six("IPv6: AS_PATH missing", Drop(code::AS_PATH), Withdrawn),
    six("IPv6: LOCAL_PREF of three octets", Set(0x40, code::LOCAL_PREF, &[0, 0, 1]), Withdrawn),
    six("IPv6: COMMUNITIES of five octets", Set(0xc0, code::COMMUNITIES, &[0; 5]), Withdrawn),
    four(
        "ATOMIC_AGGREGATE of one octet",
        Set(0x40, code::ATOMIC_AGGREGATE, &[0]),
        Without(code::ATOMIC_AGGREGATE),
    ),
    four(
        "AGGREGATOR of seven octets",
        Set(0xc0, code::AGGREGATOR, &[0; 7]),
        Without(code::AGGREGATOR),
    ),
    four(
        "AGGREGATOR with AS 0",
        Set(0xc0, code::AGGREGATOR, &[0, 0, 0, 0, 1, 2, 3, 4]),
        Without(code::AGGREGATOR),
    ),
    four(
        "AS4_PATH from a speaker of 4-octet AS",
        Set(0xc0, code::AS4_PATH, &[2, 1, 0, 0, 0, 1]),
        Without(code::AS4_PATH),
    ),
    four("AIGP whose length lies", Set(0x80, code::AIGP, &[1, 0, 4, 0]), Without(code::AIGP)),
    four(
        "Prefix-SID past its end",
        Set(0xc0, code::PREFIX_SID, &[1, 0, 7, 0]),
        Without(code::PREFIX_SID),
    ),
    four("unknown optional attribute of this link only", Set(0x80, 99, &[7]), Without(99)),
    four("unknown optional transitive attribute", Set(0xc0, 99, &[7]), Partial(99, &[7])),
    four("ORIGIN twice", Tail(&[0x40, code::ORIGIN, 1, 2]), With(code::ORIGIN, &[0])),
    four("LOCAL_PREF missing", Drop(code::LOCAL_PREF), With(code::LOCAL_PREF, &[0, 0, 0, 100])),
    four("bits set beyond the prefix length", Whole(stray_bits), With(code::ORIGIN, &[0])),
    four("extended length where none is needed", Whole(long_lengths), With(code::ORIGIN, &[0])),
    four("attributes in descending order", Whole(descending), With(code::ORIGIN, &[0])),
    four(
        "MP_REACH_NLRI of a family nobody offered",
        Set(0x80, code::MP_REACH, &[0x40, 4, 71, 4, 10, 0, 0, 1, 0]),
        With(code::ORIGIN, &[0]),
    ),
];

/// The cases that nothing after can be trusted in: the session ends, and no other does.
pub const FATAL: &[Case] = &[
    four("withdrawn routes past the end", Whole(withdrawn_too_long), Reset(3, &[1])),
    four("attributes past the end", Whole(attributes_too_long), Reset(3, &[1])),
    four(
        "UPDATE of three octets",
        Whole(|_| message(crate::bgp::UPDATE, &[0, 0, 0])),
        Reset(1, &[2]),
    ),
    four("prefix of 33 bits", Nlri(&[33, 1, 2, 3, 4, 5]), Reset(3, &[10])),
    four("prefix past the end", Nlri(&[24, 1, 2]), Reset(3, &[10])),
    four(
        "withdrawn prefix of 64 bits",
        Whole(|_| update(&[64, 1, 2, 3, 4, 5, 6, 7, 8], &[], &[])),
        Reset(3, &[1, 10]),
    ),
    four("bad attribute and nothing to withdraw", Whole(nothing_to_withdraw), Reset(3, &[])),
    six("MP_REACH_NLRI twice", Whole(reach_twice), Reset(3, &[1])),
    six("MP_UNREACH_NLRI twice", Whole(unreach_twice), Reset(3, &[1])),
    six("MP_REACH_NLRI of two octets", Set(0x80, code::MP_REACH, &[0, 2]), Reset(3, &[1, 9])),
    six(
        "MP_REACH_NLRI with a next hop past the end",
        Set(0x80, code::MP_REACH, &[0, 2, 1, 16, 1]),
        Reset(3, &[1, 9]),
    ),
    six(
        "MP_REACH_NLRI with a next hop of three octets",
        Set(0x80, code::MP_REACH, &[0, 2, 1, 3, 1, 2, 3, 0, 0]),
        Reset(3, &[1, 8, 9]),
    ),
    six("MP_REACH_NLRI with a prefix of 129 bits", Nlri(&[129; 18]), Reset(3, &[1, 9, 10])),
    six("MP_UNREACH_NLRI of one octet", Set(0x80, code::MP_UNREACH, &[0]), Reset(3, &[1, 9])),
    six(
        "MP_UNREACH_NLRI with a prefix past the end",
        Set(0x80, code::MP_UNREACH, &[0, 2, 1, 64, 1]),
        Reset(3, &[1, 9, 10]),
    ),
    four("marker that is none", Whole(bad_marker), Reset(1, &[1])),
    four("length of 18", Whole(|subject| with_length(subject.announcement(), 18)), Reset(1, &[2])),
    four(
        "KEEPALIVE of 5000 octets",
        Whole(|_| with_length(message(KEEPALIVE, &[]), 5000)),
        Reset(1, &[2]),
    ),
    four("message of unknown type", Whole(|_| message(9, &[])), Reset(1, &[3])),
    four("KEEPALIVE with a body", Whole(|_| message(KEEPALIVE, &[0])), Reset(1, &[2])),
];

fn stray_bits(subject: &Subject) -> Vec<u8> {
    let mut nlri = encoded(&[subject.net]);
    // Of the last octet of a /22 the two lowest bits are beyond the prefix.
    assert_eq!(nlri[0], 22, "cases are about a /22");
    nlri[3] |= 0x03;
    update(&[], &subject.attributes().concat(), &nlri)
}

fn long_lengths(subject: &Subject) -> Vec<u8> {
    let mut block = Vec::new();
    for one in subject.attributes() {
        block.extend_from_slice(&[one[0] | 0x10, one[1], 0]);
        block.extend_from_slice(&one[2..]);
    }
    update(&[], &block, &encoded(&[subject.net]))
}

fn descending(subject: &Subject) -> Vec<u8> {
    let mut attributes = subject.attributes();
    attributes.reverse();
    update(&[], &attributes.concat(), &encoded(&[subject.net]))
}

fn withdrawn_too_long(subject: &Subject) -> Vec<u8> {
    let mut message = subject.announcement();
    message[HEADER..HEADER + 2].copy_from_slice(&4000_u16.to_be_bytes());
    message
}

fn attributes_too_long(subject: &Subject) -> Vec<u8> {
    let mut message = subject.announcement();
    message[HEADER + 2..HEADER + 4].copy_from_slice(&4000_u16.to_be_bytes());
    message
}

fn nothing_to_withdraw(_: &Subject) -> Vec<u8> {
    let hop = Ipv4Addr::new(10, 0, 0, 1);
    let mut attributes = plain_attributes(hop, 1);
    attributes[0] = attribute(0x40, code::ORIGIN, &[9]);
    update(&[], &attributes.concat(), &[])
}

fn reach_twice(subject: &Subject) -> Vec<u8> {
    let more = attribute(0x80, code::MP_REACH, &subject.mp_reach(&[]));
    update(&[], &[subject.attributes().concat(), more].concat(), &[])
}

fn unreach_twice(subject: &Subject) -> Vec<u8> {
    let mut value = vec![0, 2, 1];
    subject.net.encode(&mut value);
    update(&[], &attribute(0x80, code::MP_UNREACH, &value).repeat(2), &[])
}

fn bad_marker(subject: &Subject) -> Vec<u8> {
    let mut message = subject.announcement();
    message[7] = 0;
    message
}

fn with_length(mut message: Vec<u8>, length: u16) -> Vec<u8> {
    message[16..18].copy_from_slice(&length.to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::{FATAL, SURVIVED, Subject};
    use crate::bgp::{HEADER, Update};
    use crate::lab::Host;
    use crate::net::{Family, net};

    #[test]
    fn cases_differ_from_the_ordinary_message_and_from_each_other() {
        let mut seen = Vec::new();
        for case in SURVIVED.iter().chain(FATAL) {
            let prefix = if case.family == Family::V4 { "10.64.0.0/22" } else { "fd00:245::/64" };
            let subject = Subject { net: net(prefix), source: Host(9), med: 7 };
            let message = case.message(&subject);
            assert_ne!(message, subject.announcement(), "{}", case.name);
            assert!(!seen.contains(&message), "{} is there twice", case.name);
            seen.push(message);
        }
        // What the issue asks for.
        assert!(SURVIVED.len() + FATAL.len() >= 25);
    }

    #[test]
    fn ordinary_message_is_well_formed() {
        for prefix in ["10.64.0.0/22", "fd00:245::/64"] {
            let subject = Subject { net: net(prefix), source: Host(9), med: 7 };
            let update = Update::parse(&subject.announcement()[HEADER..]).expect("well-formed");
            assert_eq!(update.announced, [net(prefix)]);
        }
    }
}
