//! What the environment says about colour and characters. The caller reads it; this judges.

use std::ffi::OsStr;

use clap::ValueEnum;

use crate::view::format::Charset;

/// The `--color` flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, `NO_COLOR` or not.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// Whether to use colour. `variable` looks up an environment variable.
    pub fn resolve<V: AsRef<OsStr>>(
        self,
        is_terminal: bool,
        variable: impl Fn(&str) -> Option<V>,
    ) -> bool {
        let is = |name: &str, test: fn(&OsStr) -> bool| {
            variable(name).is_some_and(|value| test(value.as_ref()))
        };
        match self {
            Self::Always => true,
            Self::Never => false,
            // https://no-color.org: set and not empty, whatever the value.
            Self::Auto => {
                is_terminal && !is("NO_COLOR", |v| !v.is_empty()) && !is("TERM", |v| v == "dumb")
            }
        }
    }
}

/// The characters the locale can show. `variable` looks up an environment variable.
pub fn charset<V: AsRef<OsStr>>(variable: impl Fn(&str) -> Option<V>) -> Charset {
    // locale(7): the first of these that is set and not empty decides.
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
        let Some(value) = variable(name) else {
            continue;
        };
        let value = value.as_ref().to_string_lossy().to_ascii_lowercase();
        if value.is_empty() {
            continue;
        }
        return match value.contains("utf-8") || value.contains("utf8") {
            true => Charset::Unicode,
            false => Charset::Ascii,
        };
    }
    Charset::Ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(set: &'a [(&str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
        move |name| {
            set.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| *value)
        }
    }

    #[test]
    fn colour() {
        use ColorChoice::{Always, Auto, Never};
        for (choice, terminal, set, expected) in [
            (Auto, true, &[][..], true),
            (Auto, false, &[], false),
            (Auto, true, &[("NO_COLOR", "0")], false),
            (Auto, true, &[("NO_COLOR", "")], true),
            (Auto, true, &[("TERM", "dumb")], false),
            (Auto, true, &[("TERM", "xterm-256color")], true),
            (Always, false, &[("NO_COLOR", "1")], true),
            (Never, true, &[], false),
        ] {
            assert_eq!(
                choice.resolve(terminal, lookup(set)),
                expected,
                "{choice:?} {set:?}"
            );
        }
    }

    #[test]
    fn characters() {
        for (set, expected) in [
            (&[][..], Charset::Ascii),
            (&[("LANG", "C")], Charset::Ascii),
            (&[("LANG", "en_GB.UTF-8")], Charset::Unicode),
            (&[("LANG", "de_DE.utf8"), ("LC_ALL", "C")], Charset::Ascii),
            (&[("LANG", "C"), ("LC_ALL", "")], Charset::Ascii),
            (&[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], Charset::Unicode),
        ] {
            assert_eq!(charset(lookup(set)), expected, "{set:?}");
        }
    }
}
