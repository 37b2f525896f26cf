"""Figures as ratios from one run: ``make bench``."""
