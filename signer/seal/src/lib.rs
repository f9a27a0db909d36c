//! Seal a registry: capture, canonical tar, zstd, OpenPGP, one signature, spool
