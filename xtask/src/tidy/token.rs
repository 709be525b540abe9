//! As much of Rust's grammar as the rules need: words, paths and imports. Comments and literals
//! are never part of them.

use std::iter::Peekable;

/// A piece of source text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// An identifier, a keyword or a number.
    Word(&'a str),
    /// `::`
    Join,
    /// Any other character.
    Mark(char),
}

/// A path such as `std::fs::read`, in an import or elsewhere.
#[derive(Debug, PartialEq)]
pub(super) struct Path<'a> {
    pub(super) line: usize,
    pub(super) segments: Vec<&'a str>,
}

/// The tokens of a text, each with its line, the first line being 1.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    /// Takes the first `length` bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes everything up to and including `end`, or the rest.
    fn take_past(&mut self, end: &str) {
        let length = self
            .rest
            .find(end)
            .map_or(self.rest.len(), |at| at + end.len());
        self.take(length);
    }

    /// Block comments nest.
    fn take_block_comment(&mut self) {
        let mut depth = 0;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else {
                self.take_char();
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        self.take(first.len_utf8());
        Some(first)
    }

    /// Takes a literal after its opening quote.
    fn take_quoted(&mut self, quote: char) {
        while let Some(c) = self.take_char() {
            if c == '\\' {
                self.take_char();
            } else if c == quote {
                return;
            }
        }
    }

    /// After a quote: a character, or a lifetime, whose name is left as a word.
    fn take_char_or_lifetime(&mut self) {
        let mut chars = self.rest.chars();
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') || second == Some('\'') {
            self.take_quoted('\'');
        }
    }

    /// Takes a raw string, if `prefix` and what follows begin one.
    fn take_raw_string(&mut self, prefix: &str) -> bool {
        if !matches!(prefix, "r" | "br" | "cr") {
            return false;
        }
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        if !self.rest[hashes..].starts_with('"') {
            return false;
        }
        let end = format!("\"{}", &self.rest[..hashes]);
        self.take(hashes + 1);
        self.take_past(&end);
        true
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            if self.rest.starts_with("//") {
                self.take_past("\n");
            } else if self.rest.starts_with("/*") {
                self.take_block_comment();
            } else if self.rest.starts_with("::") {
                self.take(2);
                return Some((line, Token::Join));
            } else if is_word(first) {
                let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                let word = self.take(length);
                if !self.take_raw_string(word) {
                    return Some((line, Token::Word(word)));
                }
            } else {
                self.take(first.len_utf8());
                match first {
                    '"' => self.take_quoted('"'),
                    '\'' => self.take_char_or_lifetime(),
                    _ if first.is_whitespace() => {}
                    _ => return Some((line, Token::Mark(first))),
                }
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path of a text: each leaf of its imports, and what is written with `::` elsewhere.
pub(super) fn paths(text: &str) -> Vec<Path<'_>> {
    let mut paths = Vec::new();
    let mut tokens = Tokens::new(text).peekable();
    while let Some((line, token)) = tokens.next() {
        let Token::Word(word) = token else { continue };
        // `use<…>` in a type captures lifetimes.
        let captures = matches!(tokens.peek(), Some((_, Token::Mark('<'))));
        if word == "use" && !captures {
            import(&mut tokens, &mut paths);
        } else {
            let segments = inline(word, &mut tokens);
            if segments.len() > 1 {
                paths.push(Path { line, segments });
            }
        }
    }
    paths
}

/// The rest of a path that began with `first`.
fn inline<'a>(first: &'a str, tokens: &mut Peekable<Tokens<'a>>) -> Vec<&'a str> {
    let mut segments = vec![first];
    while tokens.next_if(|(_, token)| *token == Token::Join).is_some() {
        let Some((_, Token::Word(word))) =
            tokens.next_if(|(_, token)| matches!(token, Token::Word(_)))
        else {
            break;
        };
        segments.push(word);
    }
    segments
}

/// The leaves of an import, from behind `use` to its semicolon.
fn import<'a>(tokens: &mut Peekable<Tokens<'a>>, paths: &mut Vec<Path<'a>>) {
    let mut segments = Vec::new();
    // How many segments stand before each open brace.
    let mut open = Vec::new();
    let mut leaf = false;
    while let Some((line, token)) = tokens.next() {
        match token {
            Token::Word("as") => drop(tokens.next()),
            Token::Word(word) => {
                segments.push(word);
                leaf = true;
            }
            Token::Mark('*') => {
                segments.push("*");
                leaf = true;
            }
            Token::Mark('{') => {
                open.push(segments.len());
                leaf = false;
            }
            Token::Mark(end @ (',' | '}' | ';')) => {
                if leaf {
                    let segments = segments.clone();
                    paths.push(Path { line, segments });
                }
                if end == '}' {
                    open.pop();
                }
                segments.truncate(open.last().copied().unwrap_or(0));
                leaf = false;
                if end == ';' {
                    return;
                }
            }
            Token::Join | Token::Mark(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        Tokens::new(text)
            .filter_map(|(_, token)| match token {
                Token::Word(word) => Some(word),
                _ => None,
            })
            .collect()
    }

    fn shown(text: &str) -> Vec<String> {
        let show = |path: Path<'_>| format!("{} {}", path.line, path.segments.join("::"));
        paths(text).into_iter().map(show).collect()
    }

    #[test]
    fn comments_and_literals_have_no_words() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(words(r#"a "b \" c" d b"e""#), ["a", "d", "b"]);
        assert_eq!(words(r##"a r#"b " c"# d"##), ["a", "d"]);
        assert_eq!(words(r"a 'b' '\'' '\u{1f}' c"), ["a", "c"]);
    }

    #[test]
    fn lifetimes_are_no_literals() {
        assert_eq!(
            words("fn f<'a>(x: &'a str)"),
            ["fn", "f", "a", "x", "a", "str"]
        );
    }

    #[test]
    fn literals_keep_the_lines_counted() {
        let last = Tokens::new("\"a\nb\" r\"\n\" /*\n*/ x").last();
        assert_eq!(last, Some((4, Token::Word("x"))));
    }

    #[test]
    fn unfinished_text_ends() {
        for text in ["\"a", "/* a", "r#\"a", "'", "use a::{b", "a::"] {
            drop(paths(text));
        }
    }

    #[test]
    fn imports_are_read_leaf_by_leaf() {
        assert_eq!(
            shown("use a::{self, b::{c as d, e},\n f::*};\npub use ::g;"),
            ["1 a::self", "1 a::b::c", "1 a::b::e", "2 a::f::*", "3 g"]
        );
    }

    #[test]
    fn paths_are_read_outside_imports() {
        assert_eq!(
            shown("fn f() -> a::B { c::<d::E>::g(h) }\n#[k::m] fn n() -> impl I + use<'a> {}"),
            ["1 a::B", "1 d::E", "2 k::m"]
        );
    }
}
