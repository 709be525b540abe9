//! What must hold for every input of the decoder here: see [`crate::fuzzing`].

/// `/sys/kernel/security/lockdown`; whether a mode is on.
pub fn lockdown(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mode = super::lockdown_mode(&text);
    assert!(mode.is_none_or(|mode| !mode.contains(']')));
    mode.is_some()
}
