"""Make one prepared head look as if another scanner, technician or pipeline had delivered it."""
