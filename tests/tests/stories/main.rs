//! Whole-daemon stories: the real binary, real sockets, real files. One module a theme.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod peers;
mod press;
