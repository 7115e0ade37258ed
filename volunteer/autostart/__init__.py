"""Has the system start the app when its person logs in, or not; one file a platform. Decides nothing."""
