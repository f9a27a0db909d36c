//! The only owner of system calls: beneath-only directories, durable renames, locked memory
