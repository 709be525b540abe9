//! `tcpmon completions` and `tcpmon man`: for shells and packagers, from the command line itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Command};
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::failure::Failure;

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  tcpmon completions bash > /usr/share/bash-completion/completions/tcpmon
  tcpmon completions zsh > /usr/share/zsh/site-functions/_tcpmon
  tcpmon completions fish > ~/.config/fish/completions/tcpmon.fish
  source <(tcpmon completions bash)                   in this shell only";

pub(super) const MAN_HELP: &str = "\
Examples:
  tcpmon man ls | man -l -                            read one page
  tcpmon man --directory /usr/local/share/man/man1    write them all";

/// Flags of `tcpmon completions`.
#[derive(Debug, ClapArgs)]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: ShellName,
}

/// The shells whose completions are tested.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

/// Flags of `tcpmon man`.
#[derive(Debug, ClapArgs)]
pub(super) struct ManArgs {
    /// The page of this command; without it that of tcpmon
    #[arg(value_name = "COMMAND", conflicts_with = "directory")]
    command: Vec<String>,
    /// Write the page of every command into this directory instead
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Prints the completions of `command`.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> anyhow::Result<()> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let name = command.get_name().to_owned();
    // Into memory first: the generator panics where it cannot write.
    let mut text = Vec::new();
    generate(shell, &mut command, name, &mut text);
    io::stdout().lock().write_all(&text)?;
    Ok(())
}

/// Prints a manual page of `command`, or writes all of them.
pub(super) fn man(args: &ManArgs, mut command: Command) -> anyhow::Result<()> {
    // Gives each command its whole name: `tcpmon-config-check`.
    command.build();
    if let Some(directory) = &args.directory {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        return write_all(&command, directory);
    }
    let mut wanted = &command;
    for name in &args.command {
        wanted = wanted.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = commands(wanted).map(Command::get_name).collect();
            let parent = wanted.get_display_name().unwrap_or("tcpmon");
            Failure::usage(match known.is_empty() {
                true => format!("{parent} has no command {name}"),
                false => format!(
                    "{parent} has no command {name}: it has {}",
                    known.join(", ")
                ),
            })
        })?;
    }
    io::stdout().lock().write_all(&page(wanted)?)?;
    Ok(())
}

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    let all = command.get_subcommands();
    all.filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn write_all(command: &Command, directory: &Path) -> anyhow::Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let path = directory.join(format!("{name}.1"));
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    commands(command).try_for_each(|command| write_all(command, directory))
}

/// One page. What stands behind the flags in `--help` keeps its lines.
fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let manual = Man::new(command.clone()).manual("tcpmon");
    let mut page = Vec::new();
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        manual.render_options_section(&mut page)?;
    }
    let mut more = Roff::new();
    if commands(command).next().is_some() {
        more.control("SH", ["COMMANDS"]);
        for child in commands(command) {
            let name = child.get_display_name().unwrap_or_else(|| child.get_name());
            let about = child
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            more.control("TP", []);
            more.text([bold(format!("{name}(1)"))]);
            more.text([roman(about)]);
        }
    }
    if let Some(text) = command.get_after_help() {
        more.control("SH", ["NOTES AND EXAMPLES"]);
        more.control("nf", []);
        for line in text.to_string().lines() {
            more.text([roman(line)]);
        }
        more.control("fi", []);
    }
    more.to_writer(&mut page)?;
    Ok(page)
}
