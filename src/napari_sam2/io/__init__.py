"""Files in, files out: movies, labels, prompts, tables and pictures."""
