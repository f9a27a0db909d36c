//! Every rule that can refuse something, under the one name that SPEC.md, the code, the log and the tests share.

use std::fmt;

macro_rules! rules {
    ($($variant:ident $id:literal $text:literal;)+) => {
        /// A rule of the format or of its reader. No rule can be switched off.
        ///
        /// A refusal names the rule that refused; a passed check logs the same name, so that the log is evidence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $text] $variant,)+
        }

        impl Rule {
            /// All rules, in the order of SPEC.md.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)+];

            /// The name, e.g. `IMPORT-SEQ`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Rule::$variant => $id,)+ }
            }

            /// What the rule demands, as one sentence.
            #[must_use]
            pub const fn demand(self) -> &'static str {
                match self { $(Rule::$variant => $text,)+ }
            }
        }
    };
}

rules! {
    PouchParts "POUCH-PARTS" "A pouch holds exactly the parts that its manifest names.";
    PouchTransit "POUCH-TRANSIT" "A pouch in transit is byte for byte the one tar that its parts have.";
    ManifestSize "MANIFEST-SIZE" "A manifest is at most 16 MiB.";
    ManifestSyntax "MANIFEST-SYNTAX" "A manifest is one JSON object with exactly the known fields.";
    ManifestCanonical "MANIFEST-CANONICAL" "A manifest is byte for byte the canonical encoding of what it says.";
    ManifestVersion "MANIFEST-VERSION" "The format version is one that this reader knows.";
    ManifestRange "MANIFEST-RANGE" "Every number of a manifest is within its limit and the totals agree.";
    ManifestChain "MANIFEST-CHAIN" "Sequence 1 has no predecessor, every other sequence has one.";
    SignGrammar "SIGN-GRAMMAR" "A signature file holds binary detached signature packets and nothing else.";
    SignUnknown "SIGN-UNKNOWN" "A signature is by a signer that the trust file names for the registry.";
    SignInvalid "SIGN-INVALID" "A signature verifies over the exact bytes of the manifest.";
    SignWeak "SIGN-WEAK" "Signatures use SHA-256 or better and keys of at least RSA 3072, NIST P-256 or Ed25519.";
    SignKey "SIGN-KEY" "The signing key is, at the time of sealing, bound, alive, unrevoked and for signing.";
    SignRecipient "SIGN-RECIPIENT" "The signature and the manifest are intended for this embassy.";
    SignThreshold "SIGN-THRESHOLD" "At least as many named signers signed as the trust file demands.";
    SegmentSize "SEGMENT-SIZE" "A sealed part has exactly the size that the manifest states.";
    SegmentDigest "SEGMENT-DIGEST" "A sealed part has exactly the SHA-256 that the manifest states.";
    ImportRegistry "IMPORT-REGISTRY" "The registry is one that the trust file names.";
    ImportProfile "IMPORT-PROFILE" "A pouch is of the profile that the trust file demands or a stronger one, and its keys are of its profile.";
    ImportFirst "IMPORT-FIRST" "The first pouch of a registry is admitted with the digest from the dispatch note.";
    ImportSeq "IMPORT-SEQ" "A pouch is newer than the newest one admitted.";
    ImportReplay "IMPORT-REPLAY" "A pouch is admitted once.";
    ImportGap "IMPORT-GAP" "A pouch follows the newest one admitted without a gap.";
    ImportFork "IMPORT-FORK" "A sequence number stands for one manifest, and its predecessor is the one admitted.";
    ImportTime "IMPORT-TIME" "The time of sealing never goes back along a sequence, nor before this software was built.";
    ImportState "IMPORT-STATE" "The state of the embassy is readable.";
    OpenpgpGrammar "OPENPGP-GRAMMAR" "A sealed part is one OpenPGP message of exactly the packets of the profile.";
    OpenpgpPkesk "OPENPGP-PKESK" "Every sealed part carries the same encrypted session keys, at most 16, one of them for the reader.";
    OpenpgpIntegrity "OPENPGP-INTEGRITY" "A sealed part decrypts and authenticates to its last byte.";
    ZstdFrame "ZSTD-FRAME" "A payload is one zstd frame with content size, checksum, window up to 128 MiB, no dictionary.";
    ZstdSize "ZSTD-SIZE" "A frame holds exactly the bytes that its header and the manifest state.";
    ZstdCorrupt "ZSTD-CORRUPT" "A frame decompresses and its checksum agrees.";
    ArchiveTruncated "ARCHIVE-TRUNCATED" "An archive ends with two zero blocks, after whole entries.";
    ArchiveHeader "ARCHIVE-HEADER" "An archive header is a POSIX ustar header with a right checksum and clean reserved bytes.";
    ArchiveNumber "ARCHIVE-NUMBER" "A number is plain octal and in range.";
    ArchiveType "ARCHIVE-TYPE" "An entry is a regular file or a directory.";
    ArchiveMode "ARCHIVE-MODE" "No entry asks for setuid, setgid or sticky bits.";
    ArchivePax "ARCHIVE-PAX" "Pax records are well-formed and only path, size and mtime, each once, never global.";
    ArchiveSize "ARCHIVE-SIZE" "Every statement of a size agrees.";
    ArchiveName "ARCHIVE-NAME" "A name is relative UTF-8 in NFC of plain components, within the limits.";
    ArchiveUnique "ARCHIVE-UNIQUE" "Names are unique after case folding and NFKC.";
    ArchiveParent "ARCHIVE-PARENT" "A directory comes before what is in it.";
    ArchivePadding "ARCHIVE-PADDING" "Padding is zero and nothing follows the end.";
    ArchiveCanonical "ARCHIVE-CANONICAL" "The archive of a pouch is in the canonical form.";
    ArchiveBudget "ARCHIVE-BUDGET" "An archive has exactly the entries and bytes that the manifest states.";
    IndexSyntax "INDEX-SYNTAX" "An index is canonical JSON lines with exactly the known fields.";
    IndexMismatch "INDEX-MISMATCH" "The index and the archive say the same of every entry.";
    SourceType "SOURCE-TYPE" "A source holds only regular files and directories.";
    SourceName "SOURCE-NAME" "Every name in a source can stand in a pouch.";
    SourceChanged "SOURCE-CHANGED" "A file does not change while it is read.";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
