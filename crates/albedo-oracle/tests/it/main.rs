//! What `albedo-wire` reads, two independent decoders have to read as well; what it writes, they
//! have to take.

#[cfg(test)]
mod data;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod mrt;
#[cfg(test)]
mod opens;
#[cfg(test)]
mod ours;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod theirs;
