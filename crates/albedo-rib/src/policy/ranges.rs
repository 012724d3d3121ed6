//! Sets of prefix ranges, in which a prefix is found by one binary search for each length that
//! occurs, however many ranges there are.

use alloc::vec::Vec;

use albedo_types::Prefix;
use albedo_types::policy::PrefixRange;

/// Lengths of prefixes from 0 to 128, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lengths([u64; 3]);

impl Lengths {
    fn range(min: u8, max: u8) -> Self {
        let mut set = Self::default();
        for len in min..=max.min(128) {
            set.0[usize::from(len >> 6)] |= 1 << (len & 63);
        }
        set
    }

    const fn contains(self, len: u8) -> bool {
        self.0[(len >> 6) as usize] & 1 << (len & 63) != 0
    }

    fn union(self, other: Self) -> Self {
        Self(core::array::from_fn(|n| self.0[n] | other.0[n]))
    }
}

/// The ranges whose outer prefixes have one length, in order of these, each once.
///
/// The bits of both families stand at the left of 128.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Level {
    len: u8,
    ranges: Vec<(u128, Lengths)>,
}

/// The ranges of one family, by the length of their outer prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Levels(Vec<Level>);

/// Ranges of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PrefixSet {
    v4: Levels,
    v6: Levels,
}

const fn mask(len: u8) -> u128 {
    match u128::MAX.checked_shl(128 - len as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

impl Levels {
    fn insert(&mut self, bits: u128, len: u8, lengths: Lengths) {
        let level = match self.0.binary_search_by_key(&len, |level| level.len) {
            Ok(at) => &mut self.0[at],
            Err(at) => {
                self.0.insert(at, Level { len, ranges: Vec::new() });
                &mut self.0[at]
            }
        };
        level.ranges.push((bits, lengths));
    }

    /// Puts every level in order, and joins the ranges that lie in the same prefix.
    fn settle(&mut self) {
        for level in &mut self.0 {
            level.ranges.sort_unstable_by_key(|range| range.0);
            level.ranges.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = kept.1.union(next.1);
                }
                same
            });
            level.ranges.shrink_to_fit();
        }
    }

    fn contains(&self, bits: u128, len: u8) -> bool {
        self.0.iter().take_while(|level| level.len <= len).any(|level| {
            let outer = bits & mask(level.len);
            let at = level.ranges.binary_search_by_key(&outer, |range| range.0);
            at.is_ok_and(|at| level.ranges[at].1.contains(len))
        })
    }
}

impl PrefixSet {
    pub(super) fn contains(&self, prefix: Prefix) -> bool {
        match prefix {
            Prefix::V4(v4) => self.v4.contains(u128::from(v4.bits()) << 96, v4.len()),
            Prefix::V6(v6) => self.v6.contains(v6.bits(), v6.len()),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    fn insert(&mut self, range: PrefixRange) {
        let len = range.prefix.len();
        let lengths = Lengths::range(range.min.max(len), range.max);
        match range.prefix {
            Prefix::V4(v4) => self.v4.insert(u128::from(v4.bits()) << 96, len, lengths),
            Prefix::V6(v6) => self.v6.insert(v6.bits(), len, lengths),
        }
    }

    fn settled(mut self) -> Self {
        self.v4.settle();
        self.v6.settle();
        self
    }

    /// What is in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (mine, theirs) in [(&mut all.v4, &other.v4), (&mut all.v6, &other.v6)] {
            for level in &theirs.0 {
                for (bits, lengths) in &level.ranges {
                    mine.insert(*bits, level.len, *lengths);
                }
            }
        }
        all.settled()
    }
}

impl FromIterator<PrefixRange> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = PrefixRange>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set.settled()
    }
}
