"""When and how much this machine may work: values, the file they stand in, and the laws. Reads no sensor, no clock."""
