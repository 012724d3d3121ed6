//! Sets of attribute types, for the configuration and for finding duplicates.

use core::fmt;

/// A set of attribute types: a bit for each of the 256.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CodeSet([u64; 4]);

/// Word and bit of a type.
const fn place(code: u8) -> (usize, u64) {
    ((code >> 6) as usize, 1 << (code & 63))
}

impl CodeSet {
    /// No type.
    pub const EMPTY: Self = Self([0; 4]);

    /// Adds a type; whether it was not there before.
    pub fn insert(&mut self, code: u8) -> bool {
        let (word, bit) = place(code);
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether a type is there.
    #[must_use]
    pub fn contains(&self, code: u8) -> bool {
        let (word, bit) = place(code);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether no type is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The types in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|code| self.contains(*code))
    }
}

impl FromIterator<u8> for CodeSet {
    fn from_iter<I: IntoIterator<Item = u8>>(codes: I) -> Self {
        let mut set = Self::EMPTY;
        for code in codes {
            set.insert(code);
        }
        set
    }
}

impl fmt::Debug for CodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
