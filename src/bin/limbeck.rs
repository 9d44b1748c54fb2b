//! The command line: see `limbeck --help`.

fn main() -> std::process::ExitCode {
    limbeck::cli::main()
}
