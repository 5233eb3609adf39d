//! `loopkeeperd`: the daemon. See [`loopkeeper::daemon`].

use std::process::ExitCode;

fn main() -> ExitCode {
    loopkeeper::daemon::main()
}
