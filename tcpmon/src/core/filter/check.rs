//! What holds for every text, a filter or not: for the tests and for fuzzing.

use super::Filter;

/// Parses `input` and checks what comes of it; whether it is a filter.
pub(crate) fn any_text(input: &str) -> bool {
    match input.parse::<Filter>() {
        Ok(filter) => {
            assert_eq!(filter.is_empty(), input.trim().is_empty(), "{input:?}");
            assert_eq!(filter.to_string().parse(), Ok(filter), "{input:?}");
            true
        }
        Err(error) => {
            assert!(input.is_char_boundary(error.position), "{input:?}");
            assert!(!error.to_string().contains(char::is_control), "{input:?}");
            let picture = error.picture(input);
            assert_eq!(picture.lines().count(), 2, "{input:?}");
            assert!(picture.chars().all(|c| c == '\n' || !c.is_control()));
            false
        }
    }
}
