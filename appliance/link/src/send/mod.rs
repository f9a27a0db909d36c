//! The sending end: from a pouch in the spool to datagrams.
