//! The `heelguard` program: hands its arguments to `cli` and exits with the code it gets.

use std::process::ExitCode;

fn main() -> ExitCode {
    heelguard::cli::run(std::env::args_os())
}
