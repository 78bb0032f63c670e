"""What was measured, as a table for readers and as JSON for programs."""
