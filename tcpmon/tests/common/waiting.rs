//! How tests wait.

use std::thread;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `probe` is content; fails with its last complaint after `seconds`.
#[track_caller]
pub(crate) fn within<T>(
    seconds: u64,
    what: &str,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline_ns = tcpmon::clock::boottime_ns() + seconds * 1_000_000_000;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(complaint) if tcpmon::clock::boottime_ns() > deadline_ns => {
                panic!("{what}: not within {seconds} s: {complaint}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// `Ok` when `condition` holds, else the complaint.
pub(crate) fn check(condition: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(complaint()) }
}
