//! Random bytes from the system.

/// Fills an array.
///
/// A system that has no randomness cannot mint ids or secrets; there is nothing sensible to do but stop.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    #[allow(clippy::expect_used)] // see above
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
