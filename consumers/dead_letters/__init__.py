"""Dead letters: records put aside, listed, sent again, or given up."""
