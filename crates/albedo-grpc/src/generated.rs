//! What the two `.proto` files become; written by the test beside.

// As they are written.
#[rustfmt::skip]
pub mod api;
#[rustfmt::skip]
pub mod apipb;

/// Descriptors of both, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");

#[cfg(test)]
mod tests;
