"""Any server that speaks OpenAI's formats, and OpenAI itself."""
