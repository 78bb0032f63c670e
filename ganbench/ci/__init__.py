"""What ``ganbench ci`` adds to ``ab`` and ``compare``: against which commit, the frozen samples, intended changes, and what fails."""
