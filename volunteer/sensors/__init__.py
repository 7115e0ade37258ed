"""What the machine is doing: idle time, battery, load, disk; one file a platform. Decides nothing."""
