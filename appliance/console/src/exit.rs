//! Exit codes: those of sysexits.h, and 3 for "done, but read what I found".

use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, with findings that a person must read: a gap, a stale registry, a partial result.
    Findings = 3,
    /// The command line is wrong.
    Usage = 64,
    /// The input is damaged or not of the kind it should be.
    Data = 65,
    /// The input is not there or cannot be read.
    NoInput = 66,
    /// The HSM, the device or the service is not there.
    Unavailable = 69,
    /// A bug of this program.
    Software = 70,
    /// Output cannot be created.
    CannotCreate = 73,
    /// The disk failed or is full.
    Io = 74,
    /// Try again later: something else holds the lock, or a resource is busy for now.
    TryAgain = 75,
    /// Refused by a rule.
    Refused = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The number that the process exits with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// The exit code that an operating system error deserves.
impl From<&std::io::Error> for Exit {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound | Kind::PermissionDenied | Kind::IsADirectory | Kind::NotADirectory => Exit::NoInput,
            Kind::AlreadyExists | Kind::ReadOnlyFilesystem => Exit::CannotCreate,
            Kind::WouldBlock | Kind::ResourceBusy => Exit::TryAgain,
            Kind::InvalidData | Kind::UnexpectedEof => Exit::Data,
            _ => Exit::Io,
        }
    }
}
