"""Reading and writing of files: movies, labels, prompts, tables and pictures."""
