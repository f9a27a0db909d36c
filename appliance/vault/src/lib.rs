//! Sealed pouches kept: a local directory, or any object store
