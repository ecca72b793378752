//! The job store: the ports of steps 2, 3, 4, 7 and 8 over one SQLite file.
