//! Where facts come from: the kernel programs, sock_diag, `/proc`. Sources never see a view.

pub mod bpf;
pub mod sockopt;
