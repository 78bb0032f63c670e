"""What a :class:`ganbench.verdict.Comparison` looks like: one model, many renderers, each a pure function to text."""
