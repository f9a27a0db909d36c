//! Throw-away SoftHSM tokens with keys and certificates, for the demo and the tests
