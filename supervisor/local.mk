# supervisor/: one process
