//! The trusted path of the reader: spool, verify, admit, open, unpack, commit
