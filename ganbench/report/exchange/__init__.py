"""What other tools read: JUnit, benchmark actions, pytest-benchmark, and the schemas of our own JSON."""
