//! AS_PATH on its way out: prepended, in the width of the receiver.
//!
//! RFC 4271 §5.1.2, RFC 5065 §5.1, RFC 6793 §4.2.2.

use alloc::vec::Vec;

use albedo_types::Asn;

use super::{AsPath, SEGMENT_MAX, Segment, SegmentKind, push_head};

impl AsPath<'_> {
    /// Appends the value of AS_PATH.
    ///
    /// `prepend` goes in front, into the first segment if that is a sequence with room;
    /// confederation segments at the front stay inside and are left out then.
    pub(in crate::attr) fn write(&self, out: &mut Vec<u8>, prepend: Option<Asn>, as4: bool) {
        let Some(asn) = prepend else {
            if as4 {
                out.extend_from_slice(&self.value);
            } else {
                self.segments().for_each(|segment| push_segment(out, &segment, None, false));
            }
            return;
        };
        let mut segments =
            self.segments().skip_while(|segment| segment.kind.is_confederation()).peekable();
        let joins = segments
            .peek()
            .is_some_and(|first| first.kind == SegmentKind::Sequence && first.len() < SEGMENT_MAX);
        if !joins {
            push_head(out, SegmentKind::Sequence, 1);
            push_asn(out, asn, as4);
        }
        let mut front = Some(asn).filter(|_| joins);
        for segment in segments {
            push_segment(out, &segment, front.take(), as4);
        }
    }

    /// Appends the value of AS4_PATH: the same without confederation segments.
    pub(in crate::attr) fn write_as4(&self, out: &mut Vec<u8>, prepend: Option<Asn>) {
        let start = out.len();
        self.write(out, prepend, true);
        let whole = out.split_off(start);
        let kept = super::Segments(&whole).filter(|segment| !segment.kind.is_confederation());
        for segment in kept {
            push_segment(out, &segment, None, true);
        }
    }
}

fn push_segment(out: &mut Vec<u8>, segment: &Segment<'_>, front: Option<Asn>, as4: bool) {
    let count = segment.len().saturating_add(usize::from(front.is_some()));
    push_head(out, segment.kind, count);
    if let Some(asn) = front {
        push_asn(out, asn, as4);
    }
    if as4 {
        out.extend_from_slice(segment.asns.as_flattened());
    } else {
        segment.asns().for_each(|asn| push_asn(out, asn, false));
    }
}

fn push_asn(out: &mut Vec<u8>, asn: Asn, as4: bool) {
    if as4 {
        out.extend_from_slice(&asn.0.to_be_bytes());
    } else {
        out.extend_from_slice(&asn.to_two_octets().to_be_bytes());
    }
}
