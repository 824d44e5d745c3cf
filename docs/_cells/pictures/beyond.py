"""Pictures of the part *Beyond*."""
