//! Just enough of MRT (RFC 6396, RFC 8050) to get the messages and routes out of a recording.

use crate::facts::Terms;

/// Something that a router wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A message as it went over the session.
    Message { octets: Vec<u8>, terms: Terms },
    /// A route of a table dump: NLRI as on the wire, and attributes, in which `MP_REACH_NLRI` is
    /// nothing but a next hop.
    Route { v6: bool, nlri: Vec<u8>, attributes: Vec<u8>, terms: Terms },
}

/// A reader that panics where the recording is broken: that would be a fault of the test.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        head
    }

    fn number(&mut self, n: usize) -> usize {
        self.take(n).iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet))
    }
}

/// All items of a recording.
pub(crate) fn items(recording: &[u8]) -> Vec<Item> {
    let mut found = Vec::new();
    let mut rest = Reader(recording);
    while !rest.0.is_empty() {
        rest.take(4);
        let (kind, subtype, len) = (rest.number(2), rest.number(2), rest.number(4));
        let mut body = Reader(rest.take(len));
        match kind {
            12 => table_dump(&mut body, subtype == 2, &mut found),
            13 => table_dump_v2(&mut body, subtype, &mut found),
            16 => message(&mut body, subtype, &mut found),
            17 => {
                body.take(4);
                message(&mut body, subtype, &mut found);
            }
            other => panic!("MRT record of type {other}"),
        }
    }
    found
}

/// `BGP4MP` (RFC 6396 §4.4, RFC 8050 §3).
fn message(body: &mut Reader<'_>, subtype: usize, found: &mut Vec<Item>) {
    let (as4, add_path) = match subtype {
        1 | 6 => (false, false),
        4 | 7 => (true, false),
        8 | 10 => (false, true),
        9 | 11 => (true, true),
        // Changes of state, and two forms that were given up long ago.
        0 | 2 | 3 | 5 => return,
        other => panic!("BGP4MP record of subtype {other}"),
    };
    body.take(if as4 { 8 } else { 4 });
    body.take(2);
    let address = if body.number(2) == 2 { 16 } else { 4 };
    body.take(address * 2);
    let octets = body.0.to_vec();
    found.push(Item::Message { octets, terms: Terms { as4, add_path } });
}

/// `TABLE_DUMP` (RFC 6396 §4.2).
fn table_dump(body: &mut Reader<'_>, v6: bool, found: &mut Vec<Item>) {
    body.take(4);
    let width = if v6 { 16 } else { 4 };
    let address = body.take(width).to_vec();
    let bits = body.number(1);
    body.take(1 + 4 + width + 2);
    let len = body.number(2);
    let attributes = body.take(len).to_vec();
    let mut nlri = vec![u8::try_from(bits).unwrap()];
    nlri.extend(&address[..bits.div_ceil(8)]);
    let terms = Terms { as4: false, add_path: false };
    found.push(Item::Route { v6, nlri, attributes, terms });
}

/// `TABLE_DUMP_V2` (RFC 6396 §4.3, RFC 8050 §4).
fn table_dump_v2(body: &mut Reader<'_>, subtype: usize, found: &mut Vec<Item>) {
    let (v6, add_path) = match subtype {
        2 => (false, false),
        4 => (true, false),
        8 => (false, true),
        10 => (true, true),
        // The list of peers, and families that are not ours.
        _ => return,
    };
    body.take(4);
    let bits = body.number(1);
    let mut prefix = vec![u8::try_from(bits).unwrap()];
    prefix.extend(body.take(bits.div_ceil(8)));
    for _ in 0..body.number(2) {
        body.take(2 + 4);
        let mut nlri = if add_path { body.take(4).to_vec() } else { Vec::new() };
        nlri.extend(&prefix);
        let len = body.number(2);
        let attributes = body.take(len).to_vec();
        let terms = Terms { as4: true, add_path };
        found.push(Item::Route { v6, nlri, attributes, terms });
    }
}
