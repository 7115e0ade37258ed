"""The icon beside the clock and its menu: a small process of its own, a client of the control socket."""
