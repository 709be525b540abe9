//! Writes an expression in its canonical form, which reads back as the same expression: one
//! spelling per word and operator, parentheses where precedence needs them.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::ast::{End, Endpoint, Expr, Field, Network, Relation, Test};
use super::lexer::{Operator, is_word, joins};
use super::value::{UNITS, inode_digits};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => list(f, terms, " and ", |term| {
                matches!(term, Self::And(_) | Self::Or(_))
            }),
            Self::Or(terms) => list(f, terms, " or ", |term| matches!(term, Self::Or(_))),
            Self::Not(inner) => {
                f.write_str("not ")?;
                term(f, inner, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn list(
    f: &mut Formatter<'_>,
    terms: &[Expr],
    separator: &str,
    needs_parentheses: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (index, expr) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        term(f, expr, needs_parentheses(expr))?;
    }
    Ok(())
}

fn term(f: &mut Formatter<'_>, expr: &Expr, parentheses: bool) -> fmt::Result {
    if parentheses {
        write!(f, "({expr})")
    } else {
        expr.fmt(f)
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::State {
                equal: true,
                states,
            } => write!(f, "state {}", states.name()),
            Self::State { states, .. } => write!(f, "state != {}", states.name()),
            Self::Port {
                end,
                comparison,
                port,
            } => {
                let key = if *end == End::Local { "sport" } else { "dport" };
                write!(f, "{key} {} :{port}", comparison.symbol())
            }
            Self::Endpoint {
                end,
                equal,
                endpoint,
            } => {
                let key = if *end == End::Local { "src" } else { "dst" };
                write!(f, "{key} {}{endpoint}", if *equal { "" } else { "!= " })
            }
            Self::Text {
                field,
                relation,
                value,
            } => {
                write!(f, "{} {} ", field.key(), relation.symbol())?;
                let may_be_inode = *field == Field::Netns && *relation != Relation::Contains;
                if may_be_inode && inode_digits(value).is_some() {
                    write!(f, "\"{value}\"")
                } else {
                    text(f, value)
                }
            }
            Self::Pid { comparison, pid } => write!(f, "pid {} {pid}", comparison.symbol()),
            Self::Netns { equal, inode } => {
                write!(f, "netns {} {inode}", if *equal { "=" } else { "!=" })
            }
            Self::Age { comparison, ns } => {
                write!(f, "age {} ", comparison.symbol())?;
                duration(f, *ns)
            }
        }
    }
}

impl Field {
    const fn key(self) -> &'static str {
        match self {
            Self::Process => "proc",
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Netns => "netns",
        }
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, ":{port}"),
            Self::Network(network) => network.fmt(f),
            // The brackets of `ss`: around the prefix length too.
            Self::Both(network, port) if network.address().is_ipv6() => {
                write!(f, "[{network}]:{port}")
            }
            Self::Both(network, port) => write!(f, "{network}:{port}"),
        }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.address() {
            IpAddr::V4(v4) => v4.fmt(f)?,
            IpAddr::V6(v6) => v6.fmt(f)?,
        }
        match self.length() {
            Some(length) => write!(f, "/{length}"),
            None => Ok(()),
        }
    }
}

/// A name, in quotes where it needs them.
pub(super) struct Name<'a>(pub(super) &'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        text(f, self.0)
    }
}

fn text(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    let reserved = joins(value) || Operator::from_word(value).is_some();
    let harmless = |c: char| is_word(c) && (c == '\\' || c.escape_debug().len() == 1);
    if reserved || value.is_empty() || !value.chars().all(harmless) {
        write!(f, "\"{}\"", value.escape_debug())
    } else {
        f.write_str(value)
    }
}

fn duration(f: &mut Formatter<'_>, ns: u64) -> fmt::Result {
    let mut rest = ns;
    for (unit, size) in UNITS {
        if rest >= size {
            write!(f, "{}{unit}", rest / size)?;
            rest %= size;
        }
    }
    if ns == 0 { f.write_str("0s") } else { Ok(()) }
}
