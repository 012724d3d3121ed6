//! The attributes of an UPDATE as they lie in the message.

use alloc::vec::Vec;

/// The attributes of an UPDATE without `MP_REACH_NLRI` and `MP_UNREACH_NLRI`, in their order.
///
/// The two attributes can stand anywhere (RFC 7606 §5.1), so what is left is in up to three
/// pieces; usually it is in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawBlock<'a> {
    parts: [&'a [u8]; 3],
    /// Where each piece starts in the message body.
    starts: [usize; 3],
    used: usize,
}

impl<'a> RawBlock<'a> {
    /// A block that was put together elsewhere and is in one piece.
    #[must_use]
    pub fn whole(block: &'a [u8]) -> Self {
        let mut whole = Self::default();
        whole.push(block, 0);
        whole
    }

    /// Adds a piece that starts at `start` of the message body.
    pub(super) fn push(&mut self, part: &'a [u8], start: usize) {
        if part.is_empty() {
            return;
        }
        let slots = self.parts.get_mut(self.used).zip(self.starts.get_mut(self.used));
        if let Some((slot, place)) = slots {
            *slot = part;
            *place = start;
            self.used = self.used.saturating_add(1);
        }
    }

    /// Where an octet of the block stands in the message body.
    pub(super) fn in_body(&self, offset: usize) -> usize {
        let mut behind = offset;
        for (part, start) in self.parts().zip(self.starts) {
            if behind < part.len() {
                return start.saturating_add(behind);
            }
            behind = behind.saturating_sub(part.len());
        }
        offset
    }

    /// The pieces, in order; none is empty.
    pub fn parts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.parts.into_iter().take(self.used)
    }

    /// Octets of all pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
    }

    /// Whether there is no attribute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Appends the octets of all pieces.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for part in self.parts() {
            out.extend_from_slice(part);
        }
    }

    /// The octets in one piece: where they lie, or gathered in `scratch`.
    #[must_use]
    pub fn contiguous<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        let [first, ..] = self.parts;
        if self.used <= 1 {
            return first;
        }
        scratch.clear();
        self.write_to(scratch);
        scratch
    }
}
