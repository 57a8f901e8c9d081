use std::process::ExitCode;

fn main() -> ExitCode {
    selfsi::cli::main()
}
