//! Failures that end a command with an exit code of their own.

use std::fmt;

/// Exit codes, as documented in `tcpmon --help`.
pub mod exit {
    /// Everything else that goes wrong.
    pub const ERROR: u8 = 1;
    /// A flag, a filter or a configuration that cannot be understood.
    pub const USAGE: u8 = 2;
    /// No agent answers and none can be started.
    pub const NO_AGENT: u8 = 3;
    /// Not permitted, or the kernel lacks something that is needed.
    pub const NOT_PERMITTED: u8 = 4;
}

/// A failure with an exit code; the message is one sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One of [`exit`].
    pub code: u8,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Failure {
    /// Something typed or configured cannot be understood.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// No agent answers and none can be started.
    pub fn no_agent(message: impl Into<String>) -> Self {
        Self::new(exit::NO_AGENT, message)
    }

    /// Not permitted, or the kernel lacks something.
    pub fn not_permitted(message: impl Into<String>) -> Self {
        Self::new(exit::NOT_PERMITTED, message)
    }

    /// Anything else.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(exit::ERROR, message)
    }

    fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The exit code of any error: that of the failure in it, else [`exit::ERROR`].
    #[must_use]
    pub fn code_of(error: &anyhow::Error) -> u8 {
        error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Self>())
            .map_or(exit::ERROR, |failure| failure.code)
    }
}

/// The sentence an error begins with: the verifier's output behind it is hundreds of lines.
#[must_use]
pub fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_code_survives_context() {
        let failure: Result<(), _> = Err(Failure::no_agent("nobody there"));
        let error = failure.context("top").expect_err("it failed");
        assert_eq!(Failure::code_of(&error), exit::NO_AGENT);
        assert_eq!(Failure::code_of(&anyhow::anyhow!("plain")), exit::ERROR);
    }
}
