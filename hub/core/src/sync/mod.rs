//! The words of the sync protocol that PowerSync's clients speak: what a client asks, and the lines it is answered.
//!
//! A client names the buckets it has and how far it got in each. It is answered in lines of JSON, one key each: first a
//! `checkpoint` with the checksum of every bucket, then `data` up to it, then `checkpoint_complete`; what changes later
//! follows as `checkpoint_diff`. Numbers of 64 bits travel as decimal text.
//!
//! - [`request`]: what a client asks, bounded.
//! - [`lines`]: the lines, encoded.
//! - [`bucket`]: names, sums and what changed between two checkpoints.

pub mod bucket;
pub mod lines;
pub mod request;

#[cfg(test)]
mod tests;
