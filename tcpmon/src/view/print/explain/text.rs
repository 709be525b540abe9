//! The book in a terminal: wrapped, with headings in bold and commands on lines of their own.

use std::io;

use super::article::{Article, Block, contents};
use crate::core::explain::{ABOUT_COMMANDS, Topic, edges};
use crate::view::diagram::{self, Layout};
use crate::view::print::{Look, wrap};
use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const RISK: Style = AnsiColor::Yellow.on_default();

pub(super) fn topic(out: &mut dyn io::Write, topic: Topic, look: Look) -> io::Result<()> {
    let page = Page { out, look };
    page.article(&Article::of(topic))
}

pub(super) fn overview(out: &mut dyn io::Write, look: Look) -> io::Result<()> {
    let mut page = Page { out, look };
    if let Some(layout) = Layout::fitting(look.columns) {
        for line in diagram::draw(layout, look.charset, |_| None) {
            writeln!(page.out, "{line}")?;
        }
    } else {
        page.wrapped("The diagram of the states needs 80 columns.", "", "")?;
    }
    for (heading, rows) in contents() {
        writeln!(page.out)?;
        page.heading(heading)?;
        let name_columns = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, sentence) in rows {
            let first = format!("  {name:name_columns$}  ");
            page.wrapped(sentence, &first, &" ".repeat(first.len()))?;
        }
    }
    writeln!(page.out)?;
    page.heading("Edges")?;
    for edge in edges() {
        writeln!(page.out, "  {:26} {}", edge.name(), edge.edge().kind.name())?;
    }
    writeln!(page.out)?;
    page.wrapped(
        "Ask for any of them: tcpmon explain close-wait, tcpmon explain fin-wait-2,time-wait, \
         tcpmon explain close_wait_leak, tcpmon explain 'ending time_wait'.",
        "",
        "",
    )?;
    page.wrapped(ABOUT_COMMANDS, "", "")
}

struct Page<'a> {
    out: &'a mut dyn io::Write,
    look: Look,
}

impl Page<'_> {
    fn article(mut self, article: &Article) -> io::Result<()> {
        self.heading(&article.title)?;
        for part in &article.parts {
            writeln!(self.out)?;
            self.heading(part.heading)?;
            for block in &part.blocks {
                self.block(block)?;
            }
        }
        Ok(())
    }

    fn block(&mut self, block: &Block) -> io::Result<()> {
        match block {
            Block::Text(text) => self.wrapped(text, "  ", "  "),
            Block::Named(name, text) => {
                self.wrapped(&format!("{}: {text}", capital(name)), "  ", "  ")
            }
            Block::Line(line) => writeln!(self.out, "    {line}"),
            Block::Way(edge, meaning) => writeln!(self.out, "    {edge:26} {meaning}"),
            Block::Command(command) => {
                let style = self.style(COMMAND);
                // Never wrapped: it is to be copied.
                writeln!(self.out, "    $ {style}{}{style:#}", command.run)?;
                match command.risk {
                    Some(risk) => self.risk(risk),
                    None => Ok(()),
                }
            }
        }
    }

    fn risk(&mut self, risk: &str) -> io::Result<()> {
        let style = self.style(RISK);
        for line in textwrap::wrap(
            risk,
            wrap::options(self.look, "      risk: ", "            "),
        ) {
            writeln!(self.out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }

    fn heading(&mut self, heading: &str) -> io::Result<()> {
        let style = self.style(HEADING);
        writeln!(self.out, "{style}{heading}{style:#}")
    }

    fn wrapped(&mut self, text: &str, first: &str, rest: &str) -> io::Result<()> {
        for line in textwrap::wrap(text, wrap::options(self.look, first, rest)) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    const fn style(&self, style: Style) -> Style {
        if self.look.color { style } else { Style::new() }
    }
}

/// `The peer` from `the peer`.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
