//! `kairos-simulator`: presses buttons that are not there.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The runtime cannot start: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(cli::run(arguments)) {
        Ok(cli::Outcome::Good) => ExitCode::SUCCESS,
        Ok(cli::Outcome::Short) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(if error.is::<cli::Usage>() { 2 } else { 1 })
        }
    }
}
