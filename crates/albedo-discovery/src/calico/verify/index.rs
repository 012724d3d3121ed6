//! Prefixes in order, found by what they hold.

use std::ops::Range;

use albedo_types::{Ipv4Prefix, Ipv6Prefix, Prefix};

/// Prefixes with something about each; several may be equal.
#[derive(Debug)]
pub(super) struct Index<T> {
    entries: Vec<(Prefix, T)>,
    /// Lengths that occur, of IPv4 and of IPv6, the longest first.
    lengths: [Vec<u8>; 2],
}

impl<T> Index<T> {
    pub(super) fn new(mut entries: Vec<(Prefix, T)>) -> Self {
        entries.sort_by_key(|entry| entry.0);
        let mut lengths = [Vec::new(), Vec::new()];
        for (prefix, _) in &entries {
            let lengths = &mut lengths[slot(*prefix)];
            if !lengths.contains(&prefix.len()) {
                lengths.push(prefix.len());
            }
        }
        lengths.iter_mut().for_each(|lengths| lengths.sort_unstable_by(|a, b| b.cmp(a)));
        Self { entries, lengths }
    }

    pub(super) fn entries(&self) -> &[(Prefix, T)] {
        &self.entries
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut T {
        &mut self.entries[at].1
    }

    /// Where the entries of exactly this prefix are.
    pub(super) fn at(&self, prefix: Prefix) -> Range<usize> {
        let first = self.entries.partition_point(|entry| entry.0 < prefix);
        let same = self.entries[first..].iter().take_while(|entry| entry.0 == prefix).count();
        first..first + same
    }

    /// The entries that hold a prefix, itself included, the longest first.
    pub(super) fn around(&self, prefix: Prefix) -> impl Iterator<Item = &(Prefix, T)> {
        let lengths = self.lengths[slot(prefix)].iter().copied();
        let holders = lengths.filter_map(move |len| shortened(prefix, len));
        holders.flat_map(|holder| &self.entries[self.at(holder)])
    }
}

/// 0 for IPv4, 1 for IPv6.
pub(super) const fn slot(prefix: Prefix) -> usize {
    match prefix {
        Prefix::V4(_) => 0,
        Prefix::V6(_) => 1,
    }
}

/// The prefix of this length that holds another; `None` where that one is shorter.
fn shortened(prefix: Prefix, len: u8) -> Option<Prefix> {
    if len > prefix.len() {
        return None;
    }
    match prefix {
        Prefix::V4(prefix) => Ipv4Prefix::from_bits(prefix.bits(), len).map(Prefix::V4),
        Prefix::V6(prefix) => Ipv6Prefix::from_bits(prefix.bits(), len).map(Prefix::V6),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prefixes close to each other, so that many hold others.
    fn prefix() -> impl Strategy<Value = Prefix> {
        let v4 = (0_u32..64, 24_u8..=32)
            .prop_map(|(low, len)| Prefix::V4(Ipv4Prefix::from_bits(low << 2, len).unwrap()));
        let v6 = (0_u128..64, 120_u8..=128)
            .prop_map(|(low, len)| Prefix::V6(Ipv6Prefix::from_bits(low << 2, len).unwrap()));
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn finds_what_a_look_at_every_entry_finds(
            entries in prop::collection::vec(prefix(), 0..40),
            wanted in prefix(),
        ) {
            let index = Index::new(entries.iter().copied().zip(0..).collect::<Vec<(_, usize)>>());
            let found: Vec<_> = index.around(wanted).map(|entry| entry.0).collect();
            let holds =
                |it: &Prefix| it.len() <= wanted.len() && it.contains(wanted.addr());
            let mut expected: Vec<_> = entries.iter().copied().filter(holds).collect();
            expected.sort_by_key(|entry| std::cmp::Reverse(entry.len()));
            prop_assert_eq!(found, expected);
            let same = entries.iter().filter(|entry| **entry == wanted).count();
            prop_assert_eq!(index.at(wanted).len(), same);
        }
    }
}
