"""What happens before or beside the window: imports ahead, log file, error messages."""
