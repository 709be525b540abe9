//! What must hold for every input of the decoder here: see [`crate::fuzzing`].

use super::{Config, Sources, file, show};

/// A configuration file; whether it makes a configuration.
pub fn config(bytes: &[u8]) -> bool {
    const NAME: &str = "tcpmon.toml";
    // What is not UTF-8 does not get as far as here.
    let text = String::from_utf8_lossy(bytes);
    let mut config = Config::default();
    match file::parse(NAME, &text, &mut config) {
        Ok(_) => {
            assert!(config.ring_size.is_power_of_two());
            assert!((1..=3600).contains(&config.audit_interval.as_secs()));
            assert!(config.telemetry_path.starts_with('/'));
            assert!((1000..=1_000_000).contains(&config.budget.limit));
            assert!((1..=10_000).contains(&config.incident_max_files));
            assert!((16 << 10..=64 << 20).contains(&config.incident_max_file_size));
            let shown = show(&config, &Sources::new());
            let mut again = Config::default();
            file::parse(NAME, &shown, &mut again).expect("what is shown can be read");
            assert_eq!(config, again, "{shown}");
            true
        }
        Err(failure) => {
            let sentence = failure.message;
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            if let Some(place) = sentence.strip_prefix("tcpmon.toml:") {
                let line = place.split(':').next().and_then(|line| line.parse().ok());
                let lines = text.matches('\n').count() + 1;
                assert!(
                    line.is_some_and(|line| (1..=lines).contains(&line)),
                    "{sentence}"
                );
            }
            false
        }
    }
}
