"""Make one prepared subject look as if another scanner, technician or pipeline had delivered it."""
