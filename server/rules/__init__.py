"""Pure decisions: values in, values out. Knows no input or output, no clock, no framework."""
