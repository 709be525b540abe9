//! The `tcpmon` command.

fn main() -> std::process::ExitCode {
    tcpmon::cli::main(std::env::args_os())
}
