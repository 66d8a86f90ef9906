"""Dead letters: what is known of records that were put aside, and sending them again."""
