"""The command as a process: started, supervised, several at once, and started again."""
