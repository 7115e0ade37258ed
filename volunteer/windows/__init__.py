"""Tk windows in short-lived processes of their own, clients of the control socket."""
