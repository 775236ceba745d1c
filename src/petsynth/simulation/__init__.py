"""Simulated cohorts: anatomy, tracer uptake, scanner."""
