//! What must hold for every input of the decoder here: see [`crate::fuzzing`].

use std::path::Path;

use super::file;

/// A web configuration; whether it is one, as far as that can be told without the files it names.
pub fn web_config(bytes: &[u8]) -> bool {
    // What is not UTF-8 does not get as far as here.
    let text = String::from_utf8_lossy(bytes);
    match file::parse(Path::new("web.yml"), &text) {
        Ok(file) => {
            assert!(file.rate_limit.is_none_or(|limit| limit.burst > 0));
            assert!(file.headers.iter().all(|(_, value)| !value.is_empty()));
            if let Some(tls) = &file.tls {
                assert!(tls.versions.0 <= tls.versions.1);
            }
            true
        }
        Err(wrong) => {
            let sentence = wrong.to_string();
            assert!(sentence.starts_with("web.yml:"), "{sentence:?}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            let lines = text.lines().count() as u64 + 1;
            assert!(
                wrong.line.is_none_or(|line| (1..=lines).contains(&line)),
                "{sentence}"
            );
            false
        }
    }
}
