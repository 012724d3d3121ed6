//! A block of attributes with changes made to it.
//!
//! What is not changed stays byte for byte as it is.
//!
//! RFC 4271 §4.3 and §5.1, RFC 1997, RFC 8092.

use alloc::vec::Vec;

use albedo_types::Asn;
use albedo_types::policy::{Change, Community};
use albedo_wire::attr::{
    AsPath, Attributes, EXTENDED_LENGTH, Need, OPTIONAL, PARTIAL, SegmentKind, TRANSITIVE, code,
};
use albedo_wire::update::UpdateContext;

/// AS numbers that a segment can hold: its count has one octet.
const SEGMENT_MAX: usize = 255;

/// The types that changes are about, in ascending order.
const CHANGEABLE: [u8; 5] = [
    code::AS_PATH,
    code::MULTI_EXIT_DISC,
    code::LOCAL_PREF,
    code::COMMUNITIES,
    code::LARGE_COMMUNITIES,
];

/// New values of those types; `None` leaves one as it is, an empty list of communities takes it
/// away.
#[derive(Debug, Default)]
struct Values([Option<Vec<u8>>; CHANGEABLE.len()]);

/// A finished block (ascending by type, in four-octet AS numbers) with changes made to it, one
/// after the other; `None` if an attribute, or the whole, would be longer than a message can be.
#[must_use]
pub fn rewrite<'c>(
    block: &[u8],
    changes: impl Iterator<Item = &'c Change> + Clone,
) -> Option<Vec<u8>> {
    let need = Need { announces: false, plain_next_hop: true };
    let attributes = Attributes::decode(block, need, &UpdateContext::own()).attributes;
    let values = Values::new(&attributes, changes);
    let mut out = Vec::with_capacity(block.len() + 64);
    let mut pending = CHANGEABLE.into_iter().zip(&values.0).peekable();
    for attr in attributes.raw() {
        while let Some((code, value)) = pending.next_if(|(code, _)| *code < attr.code) {
            put(&mut out, code, 0, value.as_deref().unwrap_or_default())?;
        }
        match pending.next_if(|(code, _)| *code == attr.code) {
            Some((code, Some(value))) => put(&mut out, code, attr.flags, value)?,
            _ => put_raw(&mut out, attr.flags, attr.code, attr.value)?,
        }
    }
    for (code, value) in pending {
        put(&mut out, code, 0, value.as_deref().unwrap_or_default())?;
    }
    u16::try_from(out.len()).ok().map(|_| out)
}

impl Values {
    fn new<'c>(
        attributes: &Attributes<'_>,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> Self {
        let mut prepended: Vec<Asn> = Vec::new();
        let mut med = None;
        let mut local_pref = None;
        let (mut standard, mut large) = (Vec::new(), Vec::new());
        let touches = |change: &Change| {
            change.clear_communities
                || !change.remove_communities.is_empty()
                || !change.add_communities.is_empty()
        };
        let communities = changes.clone().any(touches);
        if communities {
            standard.extend(attributes.communities.iter().flat_map(|there| there.iter()));
            large.extend(attributes.large_communities.iter().flat_map(|there| there.iter()));
        }
        for change in changes {
            if !change.prepend.is_empty() {
                prepended.splice(0..0, change.prepend.iter().copied());
            }
            med = change.med.or(med);
            local_pref = change.local_pref.or(local_pref);
            if change.clear_communities {
                standard.clear();
                large.clear();
            }
            for gone in &change.remove_communities {
                match gone {
                    Community::Standard(gone) => standard.retain(|there| there != gone),
                    Community::Large(gone) => large.retain(|there| there != gone),
                }
            }
            for new in &change.add_communities {
                match *new {
                    Community::Standard(new) if !standard.contains(&new) => standard.push(new),
                    Community::Large(new) if !large.contains(&new) => large.push(new),
                    Community::Standard(_) | Community::Large(_) => {}
                }
            }
        }
        let octets = |numbers: Vec<u32>| numbers.into_iter().flat_map(u32::to_be_bytes).collect();
        let path = (!prepended.is_empty()).then(|| prepend(&attributes.as_path, &prepended));
        Self([
            path,
            med.map(|med| octets(alloc::vec![med])),
            local_pref.map(|local_pref| octets(alloc::vec![local_pref])),
            communities.then(|| octets(standard)),
            communities.then(|| octets(large.into_iter().flatten().collect())),
        ])
    }
}

/// The value of AS_PATH with these in front; confederation segments at the front stay inside and
/// are left out then (RFC 5065 §5.1), and a sequence takes in what it has room for.
fn prepend(path: &AsPath<'_>, front: &[Asn]) -> Vec<u8> {
    let mut segments =
        path.segments().skip_while(|segment| segment.kind.is_confederation()).peekable();
    let mut asns = front.to_vec();
    let first = segments.next_if(|first| {
        first.kind == SegmentKind::Sequence && first.len() + front.len() <= SEGMENT_MAX
    });
    asns.extend(first.iter().flat_map(|first| first.asns()));
    let mut out = Vec::new();
    let mut push = |kind: SegmentKind, asns: &mut dyn ExactSizeIterator<Item = Asn>| {
        out.extend([kind as u8, u8::try_from(asns.len()).expect("at most 255")]);
        out.extend(asns.flat_map(|asn| asn.0.to_be_bytes()));
    };
    for chunk in asns.chunks(SEGMENT_MAX) {
        push(SegmentKind::Sequence, &mut chunk.iter().copied());
    }
    for segment in segments {
        push(segment.kind, &mut segment.asns());
    }
    out
}

/// Appends an attribute with a new value; nothing, if that is empty and the type has to hold
/// something.
fn put(out: &mut Vec<u8>, code: u8, came_with: u8, value: &[u8]) -> Option<()> {
    if value.is_empty() && code != code::AS_PATH {
        return Some(());
    }
    let flags = match code {
        code::AS_PATH | code::LOCAL_PREF => TRANSITIVE,
        code::MULTI_EXIT_DISC => OPTIONAL,
        _ => OPTIONAL | TRANSITIVE | came_with & PARTIAL,
    };
    let extended = if value.len() > usize::from(u8::MAX) { EXTENDED_LENGTH } else { 0 };
    put_raw(out, flags | extended, code, value)
}

/// Appends an attribute with these flags, which say how wide the length is.
fn put_raw(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) -> Option<()> {
    let length = u16::try_from(value.len()).ok()?.to_be_bytes();
    out.extend([flags, code]);
    let width = if flags & EXTENDED_LENGTH == 0 { 1 } else { 0 };
    out.extend_from_slice(&length[width..]);
    out.extend_from_slice(value);
    Some(())
}
