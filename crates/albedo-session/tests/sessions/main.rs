//! The server against peers that are scripted message by message, over loopback.

#![expect(clippy::unwrap_used, reason = "a test helper that fails is a test that fails")]

mod handshake;
mod life;
mod paths;
mod peer;
mod pressure;
mod refresh;
mod reload;
mod restart;
mod resting;
mod setup;
mod soft;
mod storms;
mod together;
