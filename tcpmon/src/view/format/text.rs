//! Foreign text made harmless and measured in terminal columns.
//!
//! Process names come from the kernel as whoever set them wished. An escape sequence in one must
//! not be able to hide a line, a bidirectional override must not reorder it.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Charset;

/// Control, reordering and invisible characters as visible escapes: `\x1b`, `\u{202e}`.
///
/// For reading, not for decoding: a backslash stays as it is, or unit names would grow.
#[must_use]
pub fn sanitise(text: &str) -> String {
    sanitise_for(text, Charset::Unicode)
}

/// Like [`sanitise`]; for [`Charset::Ascii`] everything beyond it becomes an escape, too.
#[must_use]
pub fn sanitise_for(text: &str, charset: Charset) -> String {
    text.chars().map(|c| shown(c, charset)).collect()
}

/// Like [`sanitise_for`], at most `columns` wide and never more work than that; an ellipsis stands
/// where text was cut.
#[must_use]
pub fn sanitise_bounded(text: &str, columns: usize, charset: Charset) -> String {
    let mut safe = String::new();
    let mut used = 0;
    // How much of `safe` still fits when an ellipsis has to follow.
    let mut cut = 0;
    for c in text.chars() {
        let piece = shown(c, charset);
        let wide = piece.width();
        if used + wide > columns {
            safe.truncate(cut);
            if columns > 0 {
                safe.push(charset.ellipsis());
            }
            return safe;
        }
        safe.push_str(&piece);
        used += wide;
        if used < columns {
            cut = safe.len();
        }
    }
    safe
}

/// An endpoint in at most `columns`: cut in the middle, since the port and both ends of an address
/// tell connections apart.
pub(crate) fn endpoint_bounded(endpoint: &str, columns: usize, charset: Charset) -> String {
    if width(endpoint) <= columns {
        return endpoint.to_owned();
    }
    // Endpoints are ASCII; anything else is no endpoint and may be cut like other text.
    let tail = columns.saturating_sub(1) * 2 / 3;
    match endpoint.get(endpoint.len().saturating_sub(tail)..) {
        Some(end) if endpoint.is_ascii() && columns > 0 => {
            let head = &endpoint[..columns - 1 - end.len()];
            format!("{head}{}{end}", charset.ellipsis())
        }
        _ => sanitise_bounded(endpoint, columns, charset),
    }
}

/// Terminal columns of a text that has been sanitised.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text` followed by blanks up to `columns`.
pub(crate) fn pad_right(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{text}{:blanks$}", "")
}

/// `text` after blanks up to `columns`.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{:blanks$}{text}", "")
}

fn shown(c: char, charset: Charset) -> String {
    let safe = match charset {
        Charset::Unicode => !is_hazardous(c),
        Charset::Ascii => matches!(c, ' '..='~'),
    };
    if safe {
        return c.to_string();
    }
    match u32::from(c) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code => format!("\\u{{{code:x}}}"),
    }
}

/// Characters that change a terminal instead of being shown by it: controls (C0, DEL, C1), those
/// that reorder or break lines, and all without a width of their own.
pub(crate) fn is_hazardous(c: char) -> bool {
    let reorders = matches!(
        c,
        '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let breaks = matches!(c, '\u{2028}'..='\u{2029}');
    // Unicode gives these a width although nothing is seen, or none is certain.
    let invisible = matches!(
        c,
        '\u{00ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    let unassigned = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    c.is_control() || reorders || breaks || invisible || unassigned || c.width() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sanitised() {
        for (text, expected) in [
            ("nginx", "nginx"),
            ("", ""),
            ("köln 日本", "köln 日本"),
            ("\x1b[2Jgone", "\\x1b[2Jgone"),
            ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
            ("bell\x07 del\x7f", "bell\\x07 del\\x7f"),
            ("\u{9b}31m", "\\x9b31m"),
            ("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe"),
            ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("line\u{2028}para\u{2029}", "line\\u{2028}para\\u{2029}"),
            ("z\u{301}\u{301}", "z\\u{301}\\u{301}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("dev\\x2ddisk.mount", "dev\\x2ddisk.mount"),
            ("\u{fffd}", "\u{fffd}"),
        ] {
            assert_eq!(sanitise(text), expected);
        }
    }

    #[test]
    fn ascii_escapes_the_rest() {
        assert_eq!(sanitise_for("ěa", Charset::Ascii), "\\u{11b}a");
        assert_eq!(sanitise_for("é", Charset::Ascii), "\\xe9");
    }

    #[test]
    fn bounded() {
        for (text, columns, expected) in [
            ("nginx", 5, "nginx"),
            ("nginx", 4, "ngi…"),
            ("nginx", 1, "…"),
            ("nginx", 0, ""),
            ("", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("\x1b\x1b", 7, "\\x1b…"),
        ] {
            let safe = sanitise_bounded(text, columns, Charset::Unicode);
            assert_eq!(safe, expected, "{text:?} in {columns}");
            assert!(width(&safe) <= columns);
        }
        assert_eq!(sanitise_bounded("nginx", 4, Charset::Ascii), "ngi~");
    }

    #[test]
    fn endpoints_keep_their_port() {
        for (columns, expected) in [
            (40, "[2001:db8:85a3::8a2e:370:7334]:50443"),
            (20, "[2001:d…:7334]:50443"),
            (8, "[20…0443"),
            (1, "…"),
            (0, ""),
        ] {
            let text = "[2001:db8:85a3::8a2e:370:7334]:50443";
            assert_eq!(endpoint_bounded(text, columns, Charset::Unicode), expected);
        }
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(pad_right("日本", 6), "日本  ");
        assert_eq!(pad_left("日本", 6), "  日本");
        assert_eq!(pad_left("too long", 3), "too long");
    }

    proptest::proptest! {
        #[test]
        fn nothing_hazardous_survives(text in "\\PC*|(?s).*", columns in 0usize..40) {
            let safe = sanitise_bounded(&text, columns, Charset::Unicode);
            proptest::prop_assert!(width(&safe) <= columns);
            proptest::prop_assert!(!sanitise(&text).chars().any(is_hazardous));
            proptest::prop_assert!(sanitise_for(&text, Charset::Ascii).is_ascii());
        }
    }
}
