"""The local socket by which the command line, the icon and windows talk to the running app. Knows no agent."""
