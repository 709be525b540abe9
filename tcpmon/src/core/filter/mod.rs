//! The filter language, the same in `ls`, `watch`, `top` and the local API: the words of `ss`, and
//! more keys.
//!
//! ```text
//! state close-wait and dport = :443 and proc = nginx and age > 5m
//! ```
//!
//! | key | operators | value |
//! |---|---|---|
//! | `state` | `=` `!=` | a state as `ss` or Linux calls it, or `all`, `connected`, `synchronized`, `bucket`, `big` |
//! | `exclude` | none | the same; `exclude x` is `state != x` |
//! | `sport`, `dport` | `=` `!=` `<` `<=` `>` `>=` | local, remote port: `443` or `:443` |
//! | `src`, `dst` | `=` `!=` | local, remote `ADDRESS[/LENGTH][:PORT]` or `:PORT` |
//! | `proc` | `=` `!=` `~` | name of the process, whole or as its first 15 bytes |
//! | `pid` | `=` `!=` `<` `<=` `>` `>=` | process id |
//! | `unit` | `=` `!=` `~` | systemd unit, `.service` may be left out |
//! | `container` | `=` `!=` `~` | container id or its beginning |
//! | `netns` | `=` `!=` `~` | name of the network namespace, or its inode; a name of digits needs quotes |
//! | `age` | `<` `<=` `>` `>=` | time in the state: `30s`, `1h30m`; a bare number is seconds |
//!
//! - `=` may be left out. `~` is "contains". `== eq ne neq lt le leq gt ge geq` are accepted.
//! - Conditions are joined by `not` (`!`), `and` (`&&`, `&` or nothing), `or` (`||`, `|`), binding in
//!   this order, and by parentheses. Keys, operators and states are read in any case; names are
//!   compared as they are.
//! - Names with spaces or symbols need quotes, `"…"` or `'…'`, with the escapes `\\ \' \" \n \r \t
//!   \0 \u{hex}`.
//! - An IPv4 address or network matches the IPv4-mapped IPv6 form too, and the other way round.
//! - A comparison with something unknown does not match, not even `!=`: `pid != 5` shows the
//!   sockets known to belong to another process, `not pid = 5` those of unknown owner as well.
//! - Nothing is ever left out of account: what cannot be understood is an error with its place. A
//!   filter with nothing in it matches everything.

mod ast;
#[cfg(any(test, fuzzing))]
pub(crate) mod check;
mod endpoint;
mod error;
mod eval;
mod known;
mod lexer;
mod parser;
mod print;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::error::FilterError;
pub use self::eval::Subject;
pub use self::known::Known;

/// Longest filter in bytes, as written and in its canonical form.
pub const MAX_LENGTH: usize = 4096;

/// A parsed filter. The default one is empty and matches everything.
///
/// [`Display`](fmt::Display) writes the canonical form, which parses to an equal filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    root: Option<ast::Expr>,
}

impl Filter {
    /// Whether `subject` is one of the sockets asked for.
    #[must_use]
    pub fn matches(&self, subject: &impl Subject) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(subject))
    }

    /// Whether it asks for states or ages: then the same socket matches at one time and not at another.
    #[must_use]
    pub fn changes_with_time(&self) -> bool {
        self.root.as_ref().is_some_and(ast::Expr::changes_with_time)
    }

    /// Whether a socket of which this is known can be one of those asked for: where not, none has to be
    /// looked at.
    #[must_use]
    pub fn can_match(&self, known: &Known<'_>) -> bool {
        self.root.as_ref().is_none_or(|root| root.can_hold(known))
    }

    /// Whether there is no condition in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Parses the language described in the [module](self).
    ///
    /// # Errors
    /// The text is not a filter, longer than [`MAX_LENGTH`], or nested deeper than 64 levels.
    fn from_str(input: &str) -> Result<Self, FilterError> {
        if input.len() > MAX_LENGTH {
            let position = input.floor_char_boundary(MAX_LENGTH);
            let message = format!("the filter has {} bytes", input.len());
            return Err(too_long(position, message).located(input));
        }
        let root = parser::parse(input).map_err(|error| error.located(input))?;
        let filter = Self { root };
        // What was read can always be sent on and read again.
        match filter.to_string().len() {
            length if length > MAX_LENGTH => {
                let message = format!("the filter has {length} bytes in its canonical form");
                Err(too_long(0, message))
            }
            _ => Ok(filter),
        }
    }
}

/// The words that begin a condition.
pub fn keys() -> impl Iterator<Item = &'static str> {
    parser::KEYS.split(", ")
}

/// A name as a filter has it: bare where it is a word, else in quotes.
#[must_use]
pub fn quoted(name: &str) -> String {
    print::Name(name).to_string()
}

/// The words for states and groups of states, as `ss` has them.
pub fn state_words() -> impl Iterator<Item = &'static str> {
    value::state_words()
}

fn too_long(position: usize, message: String) -> FilterError {
    FilterError::new(position, message).hint(format!("at most {MAX_LENGTH}"))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.as_ref().map_or(Ok(()), |root| root.fmt(f))
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
