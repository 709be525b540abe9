//! Label matchers as PromQL has them between braces: `job="tcpmon", cluster=~"a|b"`.
//!
//! They are read and written again, so that what a user or a server gives cannot become another
//! part of a query.

use std::fmt;
use std::str::FromStr;

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The name of the label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: &'static str,
    /// What it is compared with; a regular expression for the last two.
    pub value: String,
}

/// Conditions that all have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matchers(pub Vec<Matcher>);

/// Why a text is no list of matchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchError {
    /// The byte at which it ceases to be one.
    pub position: usize,
    /// What is expected there.
    pub expected: &'static str,
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, expected } = self;
        write!(
            f,
            "position {}: expected {expected}, as in job=\"tcpmon\",cluster=~\"a|b\"",
            position + 1
        )
    }
}

impl std::error::Error for MatchError {}

/// The longer ones first: each is the beginning of another.
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

impl Matcher {
    /// A label that has exactly this value.
    #[must_use]
    pub fn equal(label: &str, value: &str) -> Self {
        Self {
            label: label.to_owned(),
            operator: "=",
            value: value.to_owned(),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\"", self.label, self.operator)?;
        for c in self.value.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, matcher) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{matcher}")?;
        }
        Ok(())
    }
}

impl FromStr for Matchers {
    type Err = MatchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = Reader { text, position: 0 };
        let mut matchers = Vec::new();
        reader.blanks();
        while !reader.is_at_end() {
            matchers.push(reader.matcher()?);
            reader.blanks();
            if !reader.is_at_end() && !reader.take(",") {
                return Err(reader.expected("a comma or the end"));
            }
            reader.blanks();
        }
        Ok(Self(matchers))
    }
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    const fn expected(&self, expected: &'static str) -> MatchError {
        MatchError {
            position: self.position,
            expected,
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.position += word.len();
        }
        is_next
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn blanks(&mut self) {
        while self.rest().starts_with(char::is_whitespace) {
            self.next();
        }
    }

    fn matcher(&mut self) -> Result<Matcher, MatchError> {
        let label = self.label()?;
        self.blanks();
        let operator = OPERATORS
            .into_iter()
            .find(|operator| self.take(operator))
            .ok_or_else(|| self.expected("=, !=, =~ or !~"))?;
        self.blanks();
        let value = self.value()?;
        Ok(Matcher {
            label,
            operator,
            value,
        })
    }

    fn label(&mut self) -> Result<String, MatchError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = self.rest().find(|c| !is_part(c));
        let length = length.unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.expected("the name of a label"));
        }
        self.position += length;
        Ok(name)
    }

    /// A string in one of PromQL's three kinds of quotes; between backticks nothing is special.
    fn value(&mut self) -> Result<String, MatchError> {
        let quote = self.rest().chars().next();
        let quote = quote.filter(|c| matches!(c, '"' | '\'' | '`'));
        let quote = quote.ok_or_else(|| self.expected("a value in quotes"))?;
        self.next();
        let mut value = String::new();
        loop {
            match self.next() {
                None => return Err(self.expected("the closing quote")),
                Some(c) if c == quote => return Ok(value),
                Some('\\') if quote != '`' => value.push(self.escaped()?),
                Some(c) => value.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, MatchError> {
        let before = self.position;
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some(c @ ('\\' | '"' | '\'')) => Ok(c),
            _ => Err(MatchError {
                position: before,
                expected: "one of \\ \" ' n t after a backslash",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_promql_has_is_read_and_written_again() {
        for (text, again) in [
            ("", ""),
            ("  ", ""),
            ("job=\"tcpmon\"", "job=\"tcpmon\""),
            (" job != 'a' , b=~`x\\d+` ,", "job!=\"a\",b=~\"x\\\\d+\""),
            (
                "a!~\"it's \\\"q\\\" \\\\ \\n\"",
                "a!~\"it's \\\"q\\\" \\\\ \\n\"",
            ),
        ] {
            let matchers: Matchers = text.parse().expect(text);
            assert_eq!(matchers.to_string(), again);
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_where_it_begins() {
        for (text, position) in [
            ("job", 3),
            ("=\"a\"", 0),
            ("9a=\"b\"", 0),
            ("job=tcpmon", 4),
            ("job=\"tcpmon", 11),
            ("job=\"a\" b=\"c\"", 8),
            ("job=\"a\"} or up{", 7),
            ("job=\"\\x\"", 6),
            ("jöb=\"a\"", 1),
        ] {
            let error = text.parse::<Matchers>().expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value in ".*") {
            let written = Matcher::equal("a", &value).to_string();
            let read: Matchers = written.parse().expect("it was written here");
            prop_assert_eq!(&read.0[0].value, &value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            if let Err(error) = text.parse::<Matchers>() {
                prop_assert!(error.position <= text.len());
            }
        }
    }
}
