//! UPDATE: read in two phases, written packed.
//!
//! A reflector sees the same attributes over and over: once per message of a packed table, once
//! per node that shares them.
//! So reading comes in two steps.
//! [`RawUpdate::split`] walks the headers and finds where everything is, without looking into
//! attributes and without allocating; [`crate::attr::Attributes::decode`] judges a block of
//! attributes, and need not be asked about a block that it has judged before.
//!
//! RFC 4271 §4.3, RFC 4760, RFC 7606.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod block;
pub use block::RawBlock;

mod context;
pub use context::{
    AS_PATH_ELEMENTS_DEFAULT, AS_PATH_ELEMENTS_MAX, AttrLimits, CLUSTER_LIST_ENTRIES_DEFAULT,
    CLUSTER_LIST_ENTRIES_MAX, UpdateContext,
};

mod encode;
pub use encode::end_of_rib;

mod fault;
pub use fault::UpdateFault;

mod multiprotocol;
pub use multiprotocol::{MpReach, MpUnreach};

mod notify;
pub use notify::notification_of;

mod pack;
pub use pack::{PackSpec, Packed, pack_announce, pack_withdraw};

mod split;
pub use split::{RawUpdate, WalkErrors};

#[cfg(test)]
mod tests;
