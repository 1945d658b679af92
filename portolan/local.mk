# portolan/: one process
