//! The command line: see `limbeck --help`.

fn main() -> std::process::ExitCode {
    limbeck_cli::main()
}
