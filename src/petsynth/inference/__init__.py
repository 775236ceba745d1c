"""From a T1 to a synthetic PET."""
