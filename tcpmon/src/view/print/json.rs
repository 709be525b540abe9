//! One compact JSON document on one line.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::view::format::is_hazardous;

/// Prints `value` and a newline.
pub(crate) fn document(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Harmless))?;
    out.write_all(b"\n")
}

/// Compact JSON in which every character that could act on a terminal is an escape. JSON demands
/// that only of those below U+0020, but its readers understand it for all.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        while let Some((index, c)) = rest.char_indices().find(|(_, c)| is_hazardous(*c)) {
            writer.write_all(&rest.as_bytes()[..index])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[index + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hazardous_characters_are_escaped_without_loss() {
        let text = "a\x1b\u{9b}\u{202e}\u{e0041}\"\\é";
        let mut out = Vec::new();
        document(&mut out, &text).unwrap();
        let json = String::from_utf8(out).unwrap();
        assert_eq!(json, "\"a\\u001b\\u009b\\u202e\\udb40\\udc41\\\"\\\\é\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
