//! The project's own commands: `cargo xtask help`.

#![expect(
    clippy::print_stdout,
    reason = "a developer's command says on stdout what it does"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod apt;
mod bench;
mod dashboards;
mod deploy;
mod dist;
mod docs;
mod ebpf_toolchain;
mod fuzz;
mod judge;
mod load;
mod run;
mod scale;
mod setup;
mod sh;
mod test;
mod tidy;
mod tools;
mod vm;

/// Commands for working on tcpmon.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Args),
    Run(run::Args),
    Test(test::Args),
    Tidy(tidy::Args),
    Bench(bench::Args),
    Judge(judge::Args),
    Deploy(deploy::Args),
    Dist(dist::Args),
    Docs(docs::Args),
    Fuzz(fuzz::Args),
    Load(load::Args),
    Scale(scale::Args),
    Vm(vm::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Setup(args) => setup::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Tidy(args) => tidy::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Judge(args) => judge::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Dist(args) => dist::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::Vm(args) => vm::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
