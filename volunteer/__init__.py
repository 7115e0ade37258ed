"""The volunteer's program, and the rooms that both sides share. Never imports the server."""
