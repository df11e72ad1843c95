//! Whole-daemon stories: the real binary, real sockets, real files. One module a theme.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup;
mod boot;
mod care;
mod clock;
mod crowds;
mod days;
mod disk;
mod doctor;
mod doors;
mod fences;
mod hostile;
mod kill;
mod large_transfer;
mod leaving;
mod pages;
mod peers;
mod press;
mod privacy;
mod routines;
mod screens;
mod server;
mod sync;
mod transfer;
mod trust;
mod weather;
