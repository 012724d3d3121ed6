//! The engine with its threads, driven as sessions drive it, against the naive reflector.

mod concurrent;
mod limits;
mod peer;
mod query;
mod reflector;
mod scripts;
mod times;
