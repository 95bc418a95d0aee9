"""The commands of the terminal, one module each, with `run(arguments) -> exit code`."""
