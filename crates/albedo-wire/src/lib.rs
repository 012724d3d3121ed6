//! BGP-4 on the wire: bytes in, values or typed faults out, and back again.
//!
//! The crate knows message formats and nothing of who sent them or when.
//! [`frame`] finds the messages in a byte stream, [`open`], [`notification`] and
//! [`route_refresh`] read and write the small ones, [`capability`] the offers inside OPEN, and
//! [`negotiated`] what two OPENs add up to.
//! [`update`] takes UPDATEs apart and packs them, with [`attr`] for the attributes and [`nlri`] for
//! the prefixes inside.
//!
//! Every reader holds to three rules. It never panics, whatever the bytes are. It allocates nothing
//! in proportion to a length field that was not compared with the bytes that are there. And its
//! faults are [`error::DecodeError`]s, which know where they stand, what RFC 7606 does about them
//! and which NOTIFICATION they would end the session with.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attr;
pub mod capability;
pub mod cursor;
pub mod error;
pub mod frame;
pub mod negotiated;
pub mod nlri;
pub mod notification;
pub mod open;
pub mod route_refresh;
pub mod update;

#[cfg(test)]
mod tests;
