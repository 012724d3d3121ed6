//! Which shard a prefix belongs to, for the life of the process (docs/adr/0002).
//!
//! The hash looks at the leading bits only: prefixes that lie close together are often announced
//! with the same attributes, and what stays in one shard stays in one message.

use albedo_types::{Ipv4Prefix, Ipv6Prefix, ShardId};

/// Leading bits of an IPv4 address that choose the shard.
pub const V4_BITS: u32 = 16;
/// Leading bits of an IPv6 address that choose the shard.
pub const V6_BITS: u32 = 32;

/// A prefix that can be given to a shard.
pub trait Partition {
    /// The bits that choose the shard.
    fn leading(&self) -> u64;

    /// The shard among `shards`.
    fn shard(&self, shards: usize) -> ShardId {
        if shards == 1 {
            return ShardId(0);
        }
        let mut hash = self.leading().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let shard = (u128::from(hash) * shards as u128) >> 64;
        ShardId(u32::try_from(shard).expect("fewer than 2^32 shards"))
    }
}

impl Partition for Ipv4Prefix {
    fn leading(&self) -> u64 {
        u64::from(self.bits() >> (32 - V4_BITS))
    }
}

impl Partition for Ipv6Prefix {
    fn leading(&self) -> u64 {
        u64::try_from(self.bits() >> (128 - V6_BITS)).expect("32 bits are left") | 1 << 40
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_stay_together_and_the_rest_spreads() {
        let prefix = |text: &str| text.parse::<Ipv4Prefix>().unwrap();
        assert_eq!(prefix("10.244.0.0/26").shard(5), prefix("10.244.255.192/26").shard(5));
        let mut counts = [0usize; 5];
        for n in 0..10_000u32 {
            let shard = Ipv4Prefix::from_bits(n << 16, 24).unwrap().shard(5);
            counts[shard.index()] += 1;
        }
        assert!(counts.iter().all(|count| (1_800..2_200).contains(count)), "{counts:?}");
        assert_eq!(prefix("0.0.0.0/0").shard(1), ShardId(0));
    }
}
