//! The canonical tar: its writer, the strict walker and the writer of trees that both sides trust.
//!
//! ```text
//! seal:  entries --write_head / CanonicalTar--> bytes
//! open:  bytes --walk--> Sink = FrameWriter --pipe--> FrameReader --receive--> Sink = TreeWriter --> files
//! lint:  bytes --walk--> nothing
//! transit: names and sizes of parts --Layout--> any range of the tar; tar --Index--> where the parts lie
//! ```
//!
//! The reader is our own, for no stock reader refuses all that must be refused. Nothing here reads a link, a device, an
//! owner or an extended attribute, makes a file executable, or writes outside of the directory it was given. SPEC.md,
//! archive, is the normative text. Start reading at [`walk`].

mod frame;
mod header;
mod lint;
mod refusal;
mod sink;
pub mod transit;
mod tree;
mod walk;
mod writer;

pub use frame::{DATA_BYTES, Frame, FrameError, FrameReader, FrameWriter, ReceiveError, TEXT_BYTES, receive};
pub use header::{BLOCK, END, EntryHead, padding, write_head};
pub use lint::{Verdict, lint};
pub use refusal::{Fault, RecordFault, Refusal};
pub use sink::{Discard, Sink};
pub use tree::{EntryKind, EntryReport, TreeError, TreeWriter};
pub use walk::{Budget, Mode, WalkError, walk};
pub use writer::{CanonicalTar, FileWriter, Finished, WriteError};
