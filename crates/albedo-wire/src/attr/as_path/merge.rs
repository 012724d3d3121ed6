//! A path from a speaker of two-octet numbers: rebuilt from AS_PATH and AS4_PATH.
//!
//! RFC 6793 §4.2.3.

use alloc::vec::Vec;

use super::{
    ASN_LEN, HEAD_LEN, NARROW_LEN, SEGMENT_MAX, Segment, SegmentKind, Segments, push_head,
};

/// A checked value of two-octet numbers in four-octet ones; less than twice its size.
pub(in crate::attr) fn widen(narrow: &[u8]) -> Vec<u8> {
    let mut wide = Vec::with_capacity(narrow.len().saturating_mul(2));
    let mut rest = narrow;
    while let Some((head, behind)) = rest.split_first_chunk::<HEAD_LEN>() {
        let [_, count] = *head;
        let octets = usize::from(count).saturating_mul(NARROW_LEN);
        let Some((asns, behind)) = behind.split_at_checked(octets) else {
            break;
        };
        wide.extend_from_slice(head);
        for &[high, low] in asns.as_chunks().0 {
            wide.extend_from_slice(&[0, 0, high, low]);
        }
        rest = behind;
    }
    wide
}

/// The path that two checked values in four-octet numbers stand for: as much of the front of
/// AS_PATH as makes it as long as it was, then AS4_PATH without confederation segments.
///
/// `None` if AS4_PATH tells nothing: it is empty, or longer than AS_PATH and so of another path.
pub(in crate::attr) fn merge(as_path: &[u8], as4_path: &[u8]) -> Option<Vec<u8>> {
    let hops = |value| Segments(value).fold(0_usize, |sum, seg| sum.saturating_add(seg.hops()));
    let wide = hops(as4_path);
    let mut front = hops(as_path).checked_sub(wide).filter(|_| wide != 0)?;
    let mut path = Path { value: Vec::with_capacity(as_path.len()), last: None };
    for segment in Segments(as_path) {
        // Confederation segments count for nothing, so they come along while the front lasts
        // and where they touch it.
        if !segment.kind.is_confederation() && front == 0 {
            break;
        }
        let taken = match segment.kind {
            SegmentKind::Sequence => segment.len().min(front),
            _ => segment.len(),
        };
        path.push(&segment, taken);
        front = front.saturating_sub(segment.hops());
        if taken < segment.len() {
            break;
        }
    }
    for segment in Segments(as4_path).filter(|segment| !segment.kind.is_confederation()) {
        path.push(&segment, segment.len());
    }
    Some(path.value)
}

/// A path that grows at its end.
struct Path {
    value: Vec<u8>,
    /// Start and length in numbers of the last segment, if it is a sequence.
    last: Option<(usize, usize)>,
}

impl Path {
    /// Appends the first `taken` numbers of a segment; a sequence goes into the sequence before
    /// it if there is room, so that the seam between the two paths does not show.
    fn push(&mut self, segment: &Segment<'_>, taken: usize) {
        if taken == 0 {
            return;
        }
        let is_sequence = segment.kind == SegmentKind::Sequence;
        let joined = self
            .last
            .filter(|_| is_sequence)
            .map(|(start, count)| (start, count.saturating_add(taken)))
            .filter(|(_, count)| *count <= SEGMENT_MAX);
        if let Some((start, count)) = joined {
            if let Some(octet) = self.value.get_mut(start.saturating_add(1)) {
                *octet = u8::try_from(count).unwrap_or(u8::MAX);
            }
            self.last = joined;
        } else {
            self.last = is_sequence.then_some((self.value.len(), taken));
            push_head(&mut self.value, segment.kind, taken);
        }
        let numbers: &[[u8; ASN_LEN]] = segment.asns.get(..taken).unwrap_or_default();
        self.value.extend_from_slice(numbers.as_flattened());
    }
}
