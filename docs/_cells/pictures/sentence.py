"""Pictures of the part *One sentence*."""
