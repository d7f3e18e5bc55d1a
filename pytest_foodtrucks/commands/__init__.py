"""What the subcommands of `foodtrucks` do."""
