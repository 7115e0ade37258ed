"""The grid's server: takes projects, hands out work, averages what comes back."""
