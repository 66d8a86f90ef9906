"""Dead letters: putting records aside, and the commands that list, replay and give them up."""
