"""Figures and trials. See README.md here."""
