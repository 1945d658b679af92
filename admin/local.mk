# admin/: one process
