"""Pictures of the part *Real text*."""
