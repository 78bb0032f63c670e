"""What a run leaves behind: its record and directory, the fingerprint of its machine, tables and pictures."""
