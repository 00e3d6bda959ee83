"""Startup of the plugin: preloaded libraries, log file, error notifications."""
