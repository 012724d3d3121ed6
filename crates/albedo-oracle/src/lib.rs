//! Nothing but tests: `tests/it` holds `albedo-wire` against two decoders that other people
//! wrote, NetGauze's and BGPKIT's, over recordings of real routers and over generated messages.
//!
//! The crate is unpublished, and neither decoder gets anywhere near the product.
