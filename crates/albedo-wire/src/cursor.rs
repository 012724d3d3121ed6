//! A reader over borrowed bytes that always knows how far from the start it stands.
//!
//! Faults are reported by offset (what an operator compares with a packet capture), so the offset
//! travels with the bytes through nested fields instead of being worked out again by each decoder.
//! Reading past the end is a `None`, never a panic; the caller knows which fault that is.

/// A position in borrowed bytes. `Copy`, so that a decoder can look ahead on a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`, which is offset 0.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// At the start of `bytes`, which lies `offset` octets into whatever offsets are counted from.
    #[must_use]
    pub const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    /// Octets from the start of the whole to here.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Octets not read yet.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet, without reading it.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `n` octets; `None`, and nothing is read, if there are fewer.
    #[inline]
    pub const fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                self.offset += n;
                Some(taken)
            }
            None => None,
        }
    }

    /// The next `n` octets as a cursor of their own, which counts offsets on.
    #[inline]
    pub const fn sub(&mut self, n: usize) -> Option<Self> {
        let offset = self.offset;
        match self.take(n) {
            Some(bytes) => Some(Self::at(bytes, offset)),
            None => None,
        }
    }

    /// The next `N` octets by value.
    #[inline]
    pub const fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                self.offset += N;
                Some(*taken)
            }
            None => None,
        }
    }

    /// The next octet.
    #[inline]
    pub const fn u8(&mut self) -> Option<u8> {
        match self.array::<1>() {
            Some([octet]) => Some(octet),
            None => None,
        }
    }

    /// The next two octets in network order.
    #[inline]
    pub const fn u16(&mut self) -> Option<u16> {
        match self.array() {
            Some(octets) => Some(u16::from_be_bytes(octets)),
            None => None,
        }
    }

    /// The next three octets in network order.
    #[inline]
    pub const fn u24(&mut self) -> Option<u32> {
        match self.array::<3>() {
            Some([a, b, c]) => Some(u32::from_be_bytes([0, a, b, c])),
            None => None,
        }
    }

    /// The next four octets in network order.
    #[inline]
    pub const fn u32(&mut self) -> Option<u32> {
        match self.array() {
            Some(octets) => Some(u32::from_be_bytes(octets)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
