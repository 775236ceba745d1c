"""The papers' networks and losses."""
