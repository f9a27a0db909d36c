//! End to end: the main path, the attacks, the vectors, the faults, the house rules.
