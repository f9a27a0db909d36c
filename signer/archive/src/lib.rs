//! The canonical tar: its writer, the strict walker and the writer of trees that both sides trust
