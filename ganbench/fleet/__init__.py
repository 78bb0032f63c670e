"""A matrix: a cross product of settings, each cell one ordinary run in a worker process of its own, so that none can end the others."""
