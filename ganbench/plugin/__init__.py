"""The plugin machinery: the marker for authors, the hook specifications, and the manager that loads plugins in isolation."""
