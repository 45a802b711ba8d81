"""Where data come from: the only code that touches the network."""
