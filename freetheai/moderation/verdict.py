"""The third answer besides clean and flagged."""


class Undecided(Exception):
    """A text could not be judged; the text says why, in a sentence that a member may read."""
