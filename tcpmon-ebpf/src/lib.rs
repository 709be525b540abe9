#![no_std]
//! Empty on purpose: see `Cargo.toml`.
