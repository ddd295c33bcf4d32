"""Statistics of traces, runs and annotations, each with its interval. Pure: numbers and spans in, numbers out."""
