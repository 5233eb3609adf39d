//! `loopkeeperd` with the feature `fault-points`.

use std::process::ExitCode;

fn main() -> ExitCode {
    loopkeeper::daemon::main()
}
