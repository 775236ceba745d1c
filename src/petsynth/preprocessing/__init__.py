"""From scans to volumes on the model's grid."""
