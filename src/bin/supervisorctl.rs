//! `supervisorctl`: everything a person types. See [`loopkeeper::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    loopkeeper::cli::main()
}
