"""Jobs on a Ray cluster: `engine` is what the rest of `jobs` uses."""
