"""Figures, each beside its limit or its peer from the same run. See README.md here."""
