"""Drawn questions, one family a file: the picture holds the question too, the modal only takes the answer."""
