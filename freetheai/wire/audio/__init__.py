"""Speech and transcriptions as OpenAI's clients know them: what is asked for, what comes back. Sans-io."""
