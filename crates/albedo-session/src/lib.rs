//! Sockets: listener, connector, session driver, reader, writer, socket options.
#![deny(unsafe_code)]

pub mod sockopt;
