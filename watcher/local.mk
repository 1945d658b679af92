# watcher/: one process
