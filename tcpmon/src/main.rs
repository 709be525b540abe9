//! The `tcpmon` command.

fn main() -> std::process::ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    load_no_name_services();
    tcpmon::cli::main(std::env::args_os())
}

/// A program that contains glibc must not load the plugins that nsswitch.conf(5) names: those of
/// systemd crash it. What glibc has built in since 2.34, files and DNS, is enough for names of groups
/// and hosts.
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(unsafe_code, reason = "no crate has this function of glibc")]
fn load_no_name_services() {
    use std::ffi::{c_char, c_int};

    // SAFETY: as `nss.h` of glibc declares it.
    unsafe extern "C" {
        /// Sets what a database is looked up in, for this process.
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    let databases = [
        (c"group", c"files"),
        (c"passwd", c"files"),
        (c"hosts", c"files dns"),
    ];
    for (database, services) in databases {
        // SAFETY: both are strings that end with NUL and live forever, and no other thread is there yet.
        let refused = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        assert_eq!(refused, 0, "glibc knows {database:?}");
    }
}
