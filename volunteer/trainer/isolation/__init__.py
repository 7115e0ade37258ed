"""The box of the process that computes: no other files, no network, no other programs, as far as the system allows."""
