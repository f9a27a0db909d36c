//! A consistent snapshot of a registry: a directory, a PostgreSQL server, or a command's tar
