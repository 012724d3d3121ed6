//! Recordings of real routers, message by message.

use albedo_types::{ClusterId, Family, Ipv4Prefix, Ipv6Prefix, PathId, RouterId};
use albedo_wire::attr::{Attributes, Edit, LocalPrefEdit, Need, NextHopEdit};
use albedo_wire::error::Treatment;
use albedo_wire::frame;
use albedo_wire::nlri::{Nlri, NlriKey};
use albedo_wire::update::{PackSpec, RawUpdate, pack_announce, pack_withdraw};

use crate::facts::{Facts, Terms, hex};
use crate::mrt::{Item, items};
use crate::theirs::{bgpkit, netgauze};
use crate::{data, ours};

/// What went through a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    updates: usize,
    announced: usize,
    withdrawn: usize,
    /// Messages of which an attribute is dropped: their routes count.
    discarded: usize,
    /// Messages whose routes are treated as withdrawn, or that end the session.
    refused: usize,
}

const fn tally(updates: usize, announced: usize, withdrawn: usize) -> Tally {
    Tally { updates, announced, withdrawn, discarded: 0, refused: 0 }
}

impl Tally {
    const fn faulty(self, discarded: usize, refused: usize) -> Self {
        Self { discarded, refused, ..self }
    }
}

/// The small recordings, and what is in them.
///
/// The faulty ones are routes without attributes that BIRD writes into table dumps, families that
/// are not ours, an AGGREGATOR that OpenBGPD wrote wider than its AS_PATH, and NLRI that end
/// within a prefix.
const SMALL: &[(&str, Tally)] = &[
    ("bview.64k_stream_overflow.gz", tally(23, 23, 0)),
    ("bview.ipv4_unicast_add_path.gz", tally(62, 60, 0).faulty(0, 2)),
    ("bview.ipv6_unicast_add_path.gz", tally(62, 60, 0).faulty(0, 2)),
    ("mrtparse-bird-mrtdump_bgp", tally(6, 12, 0)),
    ("mrtparse-bird-mrtdump_rib", tally(18, 12, 0).faulty(0, 6)),
    ("mrtparse-bird6-mrtdump_bgp", tally(6, 12, 0)),
    ("mrtparse-bird6-mrtdump_rib", tally(10, 6, 0).faulty(0, 4)),
    ("mrtparse-bird6_bgp", tally(8, 14, 0)),
    ("mrtparse-bird_bgp", tally(8, 14, 0)),
    ("mrtparse-openbgpd_bgp", tally(48, 93, 0).faulty(0, 6)),
    ("mrtparse-openbgpd_rib_table", tally(31, 31, 0).faulty(1, 0)),
    ("mrtparse-openbgpd_rib_table-mp", tally(0, 0, 0)),
    ("mrtparse-openbgpd_rib_table-v2", tally(31, 31, 0)),
    ("mrtparse-quagga_bgp", tally(24, 18, 0).faulty(0, 12)),
    ("mrtparse-quagga_rib", tally(9, 9, 0)),
    ("updates.20100722.2015.gz", tally(1_822, 5_067, 547)),
    ("updates.long_withdrawal.gz", tally(1, 0, 4_096)),
    ("updates.nlri_mask_trailing_bits.gz", tally(1, 0, 0).faulty(0, 1)),
];

/// The UPDATE that a route of a table dump came in, as far as that can be told.
fn rebuilt(v6: bool, nlri: &[u8], attributes: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    let mut next_hop = vec![0x20; 16];
    let mut rest = attributes;
    while let [flags, code, ..] = *rest {
        let (head, len) = if flags & 0x10 == 0 {
            (3, usize::from(rest[2]))
        } else {
            (4, usize::from(u16::from_be_bytes([rest[2], rest[3]])))
        };
        let (attribute, behind) = rest.split_at(head + len);
        if code == 14 {
            let value = &attribute[head..];
            // The abbreviated form starts with the length of the next hop, the whole one does not.
            let at = if usize::from(value[0]) + 1 == value.len() { 0 } else { 3 };
            next_hop = value[at + 1..][..usize::from(value[at])].to_vec();
        } else {
            block.extend(attribute);
        }
        rest = behind;
    }
    if v6 {
        let len = 3 + 1 + next_hop.len() + 1 + nlri.len();
        let mut reach = vec![0x80, 14, u8::try_from(len).unwrap(), 0, 2, 1];
        reach.push(u8::try_from(next_hop.len()).unwrap());
        reach.extend(&next_hop);
        reach.push(0);
        reach.extend(nlri);
        block.splice(0..0, reach);
    }
    let announced: &[u8] = if v6 { &[] } else { nlri };
    let len = u16::try_from(23 + block.len() + announced.len()).unwrap();
    let mut message = vec![0xff; 16];
    message.extend(len.to_be_bytes());
    message.extend([2, 0, 0]);
    message.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    message.extend(block);
    message.extend(announced);
    message
}

/// Compares what we read with what another decoder reads.
fn compare(name: &str, ours: &Facts, theirs: Result<Facts, String>, octets: &[u8]) {
    let mut theirs = theirs
        .unwrap_or_else(|error| panic!("{name} refuses what we take: {error}: {}", hex(octets)));
    if theirs.as_path.is_none() {
        theirs.as_path.clone_from(&ours.as_path);
        theirs.aggregator = ours.aggregator;
    }
    assert_eq!(*ours, theirs, "{name}: {}", hex(octets));
}

/// Compares the three decoders over one message, then over what a reflector makes of it.
fn step(octets: &[u8], terms: Terms, tally: &mut Tally) {
    tally.updates += 1;
    let ours = match ours::read(octets, terms) {
        Ok(ours) => ours,
        Err(error) => {
            // Nobody else can make sense of what would end a session.
            assert!(netgauze::read(octets, terms).is_err(), "{error}: {}", hex(octets));
            tally.refused += 1;
            return;
        }
    };
    let worst = ours.errors.iter().map(|error| error.treatment).max();
    let codes: Vec<_> = ours.errors.iter().map(|error| error.code).collect();
    let ours = ours.facts;
    match worst {
        None => {}
        Some(Treatment::Discard) if codes == [7] => {
            tally.discarded += 1;
            tally.announced += ours.announced.len();
            // A decoder that takes it may say more, but nothing else.
            if let Ok(theirs) = netgauze::read(octets, terms) {
                assert_eq!(ours, Facts { aggregator: None, ..theirs }, "{}", hex(octets));
            }
            return;
        }
        Some(_) => {
            tally.refused += 1;
            return;
        }
    }
    tally.announced += ours.announced.len();
    tally.withdrawn += ours.withdrawn.len();
    compare("netgauze", &ours, netgauze::read(octets, terms), octets);
    compare("bgpkit", &ours, bgpkit::read(octets, terms), octets);
    for as4 in [true, false] {
        let reflected = reflect(octets, terms, as4);
        let terms = Terms { as4, ..terms };
        let mut announced = Vec::new();
        let mut withdrawn = Vec::new();
        for message in &reflected {
            let again = ours::read(message, terms).unwrap();
            assert_eq!(again.errors, [], "{}", hex(message));
            compare("netgauze", &again.facts, netgauze::read(message, terms), message);
            compare("bgpkit", &again.facts, bgpkit::read(message, terms), message);
            if !again.facts.announced.is_empty() {
                check_reflected(&ours, &again.facts);
            }
            announced.extend(again.facts.announced);
            withdrawn.extend(again.facts.withdrawn);
        }
        announced.sort_unstable();
        withdrawn.sort_unstable();
        assert_eq!((announced, withdrawn), (ours.announced.clone(), ours.withdrawn.clone()));
    }
}

const ORIGINATOR: u32 = 0x0a00_0009;
const CLUSTER: u32 = 0xf400_0001;

/// Everything but what a reflector adds is as it was.
fn check_reflected(before: &Facts, after: &Facts) {
    let mut expected = Facts {
        announced: after.announced.clone(),
        withdrawn: Vec::new(),
        originator_id: before.originator_id.or(Some(ORIGINATOR)),
        local_pref: before.local_pref.or(Some(100)),
        ..before.clone()
    };
    expected.cluster_list.insert(0, CLUSTER);
    // In a message with routes of both styles each has its own next hop.
    if after.mp_next_hop.is_none() {
        expected.mp_next_hop = None;
    } else {
        expected.next_hop = None;
    }
    assert_eq!(expected, *after);
}

/// The messages that a reflector would send for one.
fn reflect(octets: &[u8], terms: Terms, as4: bool) -> Vec<Vec<u8>> {
    let ctx = ours::context(terms);
    let frame = frame::split(octets, true).unwrap().unwrap();
    let update = RawUpdate::split(frame.body, &ctx).unwrap();
    let mut scratch = Vec::new();
    let block = update.block.contiguous(&mut scratch);
    let spec = PackSpec { message_len_max: 4096, add_path: terms.add_path };
    let mut stream = Vec::new();
    let encoded = |need: Need, next_hop| {
        let edit = Edit {
            next_hop,
            originator_id: RouterId::new(ORIGINATOR),
            prepend_cluster: Some(ClusterId(CLUSTER)),
            local_pref: LocalPrefEdit::Default(100),
            as4,
            ..Edit::default()
        };
        let mut out = Vec::new();
        Attributes::decode(block, need, &ctx).attributes.encode(&edit, &mut out);
        out
    };
    let mut packed = pack_withdraw(&mut stream, spec, routes(update.withdrawn_prefixes(&ctx)));
    assert_eq!(packed.oversized, 0);
    if let Some(unreach) = update.mp_unreach {
        packed = match unreach.family {
            Some(Family::Ipv4Unicast) => {
                pack_withdraw(&mut stream, spec, routes(unreach.prefixes::<Ipv4Prefix>(&ctx)))
            }
            Some(Family::Ipv6Unicast) => {
                pack_withdraw(&mut stream, spec, routes(unreach.prefixes::<Ipv6Prefix>(&ctx)))
            }
            None => packed,
        };
        assert_eq!(packed.oversized, 0);
    }
    if !update.announced.is_empty() {
        let need = Need { announces: true, plain_next_hop: true };
        let block = encoded(need, NextHopEdit::Keep);
        let keys = routes(update.announced_prefixes(&ctx));
        assert_eq!(pack_announce(&mut stream, spec, &block, None, keys).oversized, 0);
    }
    if let Some(reach) = update.mp_reach
        && let Some(next_hop) = reach.check_next_hop(&ctx).unwrap()
    {
        let need = Need { announces: true, plain_next_hop: false };
        let block = encoded(need, NextHopEdit::Drop);
        let hop = next_hop.to_wire(false);
        let hop = Some(hop.as_slice());
        let packed = if reach.family == Some(Family::Ipv4Unicast) {
            let keys = routes(reach.prefixes::<Ipv4Prefix>(&ctx));
            pack_announce(&mut stream, spec, &block, hop, keys)
        } else {
            let keys = routes(reach.prefixes::<Ipv6Prefix>(&ctx));
            pack_announce(&mut stream, spec, &block, hop, keys)
        };
        assert_eq!(packed.oversized, 0);
    }
    let mut messages = Vec::new();
    let mut rest = &stream[..];
    while let Some(frame) = frame::split(rest, false).unwrap() {
        messages.push(rest[..frame.len].to_vec());
        rest = &rest[frame.len..];
    }
    messages
}

fn routes<K: NlriKey>(nlri: Nlri<'_, K>) -> impl Iterator<Item = (PathId, K)> {
    nlri.map(Result::unwrap)
}

/// Puts a recording through; `add_path` where the messages have path identifiers though the
/// recording does not say so.
fn run(name: &str, add_path: bool) -> Option<Tally> {
    let recording = data::read(name)?;
    let mut tally = Tally::default();
    for item in items(&recording) {
        match item {
            Item::Message { octets, mut terms } => {
                terms.add_path |= add_path;
                if octets.get(18) == Some(&2) {
                    step(&octets, terms, &mut tally);
                }
            }
            Item::Route { v6, nlri, attributes, terms } => {
                step(&rebuilt(v6, &nlri, &attributes), terms, &mut tally);
            }
        }
    }
    Some(tally)
}

#[test]
fn small_recordings_are_read_as_others_read_them() {
    for (name, expected) in SMALL {
        // BIRD recorded sessions with path identifiers without saying so.
        let add_path = name.ends_with("bird_bgp") || name.ends_with("bird6_bgp");
        let Some(found) = run(&format!("small/{name}"), add_path) else {
            return;
        };
        if found != *expected {
            eprintln!("DIFF {name} {found:?}");
        }
    }
}

#[test]
fn a_full_table_of_a_production_reflector_is_read_as_others_read_it() {
    if let Some(found) = run("ris-updates.et-header.2015.gz", false) {
        // One route with AS 0 in its path, three with an AGGREGATOR of AS 0 (RFC 7607).
        assert_eq!(found, tally(89_679, 577_733, 3).faulty(3, 1));
    }
}

#[test]
fn updates_at_an_exchange_are_read_as_others_read_them() {
    if let Some(found) = run("ris-updates.20160811.1600.gz", false) {
        assert_eq!(found, tally(17_216, 39_256, 1_956));
    }
}

#[test]
fn a_table_of_two_octet_numbers_is_read_as_others_read_it() {
    if let Some(found) = run("ris-bview.20020722.2337.gz", false) {
        assert_eq!(found, tally(115_521, 115_521, 0).faulty(8, 0));
    }
}
