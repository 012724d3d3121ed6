//! What the other decoders say.

pub(crate) mod bgpkit;
pub(crate) mod netgauze;
