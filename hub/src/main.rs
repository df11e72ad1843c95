//! `kairos-hub`: one daemon, and the commands to look after it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kairos_hub::cli::main()
}
