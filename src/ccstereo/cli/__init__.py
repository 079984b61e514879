"""The command line: one file a subcommand, each a few lines over the rooms."""
