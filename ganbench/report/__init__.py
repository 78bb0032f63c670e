"""What a :class:`ganbench.compare.Comparison` looks like: one model, many renderers, each a pure function to text."""
