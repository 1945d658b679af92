# xds-server/: one process
