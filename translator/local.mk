# translator/: one process
