//! Splits the text of a filter into words, quoted texts and symbols.

use super::error::{FilterError, quote};

/// A piece of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    /// Byte offset of its first character.
    pub(super) at: usize,
    /// As written.
    pub(super) source: &'a str,
    pub(super) kind: Kind,
}

/// What a piece of the input is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A key, a value or an operator in letters, by where it stands.
    Word,
    /// A quoted text, its escapes resolved.
    Quoted(String),
    And,
    Or,
    Not,
    Open,
    Close,
    Operator(Operator),
    End,
}

/// A comparison as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Contains,
}

impl Operator {
    pub(super) const ALL: [Self; 7] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::Contains,
    ];

    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Contains => "~",
        }
    }

    /// The operators `ss` spells in letters.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Eq,
            "ne" | "neq" => Self::Ne,
            "lt" => Self::Lt,
            "le" | "leq" => Self::Le,
            "gt" => Self::Gt,
            "ge" | "geq" => Self::Ge,
            _ => return None,
        })
    }
}

/// Symbols, those that begin like another one after the longer one.
const SYMBOLS: [(&str, Kind); 16] = [
    ("==", Kind::Operator(Operator::Eq)),
    ("!=", Kind::Operator(Operator::Ne)),
    ("<=", Kind::Operator(Operator::Le)),
    (">=", Kind::Operator(Operator::Ge)),
    ("&&", Kind::And),
    ("||", Kind::Or),
    ("=", Kind::Operator(Operator::Eq)),
    ("<", Kind::Operator(Operator::Lt)),
    (">", Kind::Operator(Operator::Gt)),
    ("~", Kind::Operator(Operator::Contains)),
    ("&", Kind::And),
    ("|", Kind::Or),
    ("!", Kind::Not),
    ("(", Kind::Open),
    (")", Kind::Close),
    ("", Kind::End),
];

/// Whether `c` can stand in a word without quotes.
pub(super) fn is_word(c: char) -> bool {
    !c.is_whitespace() && !"=!<>~&|()'\"".contains(c)
}

/// Whether `word` joins conditions, so that as a value it needs quotes.
pub(super) fn joins(word: &str) -> bool {
    word_kind(word) != Kind::Word
}

fn word_kind(word: &str) -> Kind {
    match word.to_ascii_lowercase().as_str() {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        _ => Kind::Word,
    }
}

/// Reads one token after the other.
pub(super) struct Lexer<'a> {
    input: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(input: &'a str) -> Self {
        Self { input, at: 0 }
    }

    /// The next token; at the end of the input [`Kind::End`], again and again.
    ///
    /// # Errors
    /// A quote is not closed or contains an unknown escape.
    pub(super) fn next(&mut self) -> Result<Token<'a>, FilterError> {
        self.at = self.input.len() - self.rest().trim_start().len();
        let rest = self.rest();
        let word = rest.len() - rest.trim_start_matches(is_word).len();
        if word > 0 {
            return Ok(self.take(word, word_kind(&rest[..word])));
        }
        if rest.starts_with(['\'', '"']) {
            let (text, length) = unquote(rest, self.at)?;
            return Ok(self.take(length, Kind::Quoted(text)));
        }
        let symbol = SYMBOLS.iter().find(|(text, _)| rest.starts_with(text));
        let (length, kind) = symbol.map_or((0, Kind::End), |(s, kind)| (s.len(), kind.clone()));
        Ok(self.take(length, kind))
    }

    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn take(&mut self, length: usize, kind: Kind) -> Token<'a> {
        let at = self.at;
        self.at += length;
        Token {
            at,
            source: &self.input[at..self.at],
            kind,
        }
    }
}

/// The content of the quoted text at the start of `input`, and its length with the quotes.
/// `base` is the byte offset of `input` in the filter.
fn unquote(input: &str, base: usize) -> Result<(String, usize), FilterError> {
    let mut chars = input.chars();
    let open = chars.next();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if Some(c) == open {
            return Ok((text, input.len() - chars.as_str().len()));
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        let escape = chars.as_str();
        let Some((resolved, length)) = unescape(escape) else {
            let at = base + input.len() - escape.len() - 1;
            let shown: String = escape.chars().take(1).collect();
            let message = format!("unknown escape {}", quote(&format!("\\{shown}")));
            return Err(FilterError::new(at, message)
                .hint(r#"escapes: \\, \', \", \n, \r, \t, \0 and \u{hex}"#));
        };
        text.push(resolved);
        chars = escape[length..].chars();
    }
    Err(FilterError::new(base, "this quote is not closed"))
}

/// The character meant by what follows a backslash, and the length of that.
fn unescape(escape: &str) -> Option<(char, usize)> {
    let resolved = match escape.chars().next()? {
        c @ ('\\' | '\'' | '"') => c,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'u' => return unescape_unicode(escape),
        _ => return None,
    };
    Some((resolved, 1))
}

fn unescape_unicode(escape: &str) -> Option<(char, usize)> {
    let (hex, _) = escape.strip_prefix("u{")?.split_once('}')?;
    if hex.len() > 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let resolved = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
    Some((resolved, "u{}".len() + hex.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: &str) -> Vec<(usize, Kind)> {
        let mut lexer = Lexer::new(input);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.next().expect(input);
            if token.kind == Kind::End {
                assert_eq!(token.at, input.len());
                return tokens;
            }
            tokens.push((token.at, token.kind));
        }
    }

    #[test]
    fn symbols_need_no_spaces() {
        use Operator::{Eq, Ge, Ne};
        assert_eq!(
            tokens("(sport>=:443&&pid!=5)||!!x==y"),
            [
                (0, Kind::Open),
                (1, Kind::Word),
                (6, Kind::Operator(Ge)),
                (8, Kind::Word),
                (12, Kind::And),
                (14, Kind::Word),
                (17, Kind::Operator(Ne)),
                (19, Kind::Word),
                (20, Kind::Close),
                (21, Kind::Or),
                (23, Kind::Not),
                (24, Kind::Not),
                (25, Kind::Word),
                (26, Kind::Operator(Eq)),
                (28, Kind::Word),
            ]
        );
    }

    #[test]
    fn words_join_in_any_case() {
        assert_eq!(
            tokens("AND or Not orb"),
            [
                (0, Kind::And),
                (4, Kind::Or),
                (7, Kind::Not),
                (11, Kind::Word)
            ]
        );
    }

    #[test]
    fn quotes_resolve_their_escapes() {
        for (input, text) in [
            ("'x y'", "x y"),
            ("\"x y\"", "x y"),
            (r"'it\'s'", "it's"),
            (r#""a\\b\"c""#, "a\\b\"c"),
            (r"'\n\r\t\0\u{1b}\u{1F600}'", "\n\r\t\0\u{1b}\u{1f600}"),
            ("'größe'", "größe"),
            ("''", ""),
        ] {
            assert_eq!(tokens(input), [(0, Kind::Quoted(text.into()))], "{input}");
        }
    }

    #[test]
    fn bad_quotes_have_a_place() {
        for (input, position) in [
            ("'abc", 0),
            ("'", 0),
            ("'abc\"", 0),
            (r"'abc\'", 0),
            (r"'abc\", 4),
            (r"'a\x2d'", 2),
            (r"'ü\u{}'", 3),
            (r"'\u{d800}'", 1),
            (r"'\u{1234567}'", 1),
            (r"'\u{+1}'", 1),
            (r"'\ü'", 1),
        ] {
            let error = Lexer::new(input).next().expect_err(input);
            assert_eq!(error.position, position, "{input}: {error}");
        }
    }
}
