//! What a person and a script see: errors, exit codes, escapes, progress, JSON, configuration files
