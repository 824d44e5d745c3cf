"""Pictures of the part *Tasks*."""
