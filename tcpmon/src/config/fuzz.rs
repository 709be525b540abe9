//! What must hold for every input of the decoder here: see [`crate::fuzzing`].

use std::path::Path;

use super::{Config, Layer, file};

/// A configuration file; whether it makes a configuration.
pub fn config(bytes: &[u8]) -> bool {
    const NAME: &str = "tcpmon.toml";
    // What is not UTF-8 does not get as far as here.
    let text = String::from_utf8_lossy(bytes);
    let config = file::parse(Path::new(NAME), &text)
        .map_err(anyhow::Error::from)
        .and_then(|layer| Config::from_layer(Layer::default().over(layer)));
    match config {
        Ok(config) => {
            assert!(config.ring_size.is_power_of_two());
            assert!((1..=3600).contains(&config.audit_interval.as_secs()));
            assert!(config.telemetry_path.starts_with('/'));
            true
        }
        Err(error) => {
            let sentence = format!("{error:#}");
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
