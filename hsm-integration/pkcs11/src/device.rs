//! Return values of the module in plain words: what happened, the likely cause, what to do.

use crate::error::{Explain, Explanation, Kind};
use cryptoki::error::{Error as Binding, RvError};
use std::time::Duration;

/// A PKCS#11 call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed with {code}: {what}")]
pub struct DeviceError {
    call: String,
    code: String,
    what: &'static str,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The module returned this.
    Returned(RvError),
    /// The module did not return in time.
    Silent,
    /// The call never reached the module, or its answer made no sense.
    Misfit,
}

impl DeviceError {
    /// The function called, such as `C_Sign`.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// The return value by its name in the standard, such as `CKR_DEVICE_REMOVED`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The return value itself, if there is one.
    pub(crate) fn rv(&self) -> Option<RvError> {
        match self.cause {
            Cause::Returned(rv) => Some(rv),
            Cause::Silent | Cause::Misfit => None,
        }
    }

    /// Whether the module did not answer in time.
    pub(crate) fn is_silence(&self) -> bool {
        self.cause == Cause::Silent
    }

    /// The binding could not make sense of what the module answered.
    pub(crate) fn absurd(call: &str) -> Self {
        Self {
            call: call.to_owned(),
            code: "an absurd answer".into(),
            what: "the module stated a length or a value that cannot be",
            cause: Cause::Misfit,
        }
    }

    /// The system gives no thread to make `call` in.
    pub(crate) fn no_thread(call: &str) -> Self {
        Self {
            call: call.to_owned(),
            code: "no thread".into(),
            what: "the system has no thread left for a call to the module",
            cause: Cause::Misfit,
        }
    }

    /// The module has not returned from `call` in time.
    pub(crate) fn silent(call: &str, limit: Duration) -> Self {
        Self {
            call: call.to_owned(),
            code: format!("no answer within {} s", limit.as_secs()),
            what: "the token, its driver or the way to it hangs",
            cause: Cause::Silent,
        }
    }
}

impl From<Binding> for DeviceError {
    fn from(error: Binding) -> Self {
        match error {
            Binding::Pkcs11(rv, function) => {
                let (call, code) = (format!("C_{function:?}"), code_name(rv));
                Self { call, code, what: plain_words(rv).what, cause: Cause::Returned(rv) }
            }
            Binding::NullFunctionPointer => Self {
                call: "a function".into(),
                code: "no address".into(),
                what: "the module does not offer a function that is needed here",
                cause: Cause::Misfit,
            },
            other => Self {
                call: "a call".into(),
                code: other.to_string(),
                what: "the module answered with something that cannot be understood",
                cause: Cause::Misfit,
            },
        }
    }
}

impl Explain for DeviceError {
    fn explain(&self) -> Explanation {
        match self.cause {
            Cause::Returned(rv) => {
                let words = plain_words(rv);
                Explanation::new(words.id, words.kind, words.advice)
            }
            Cause::Silent => Explanation::new(
                "HSM-SILENT",
                Kind::Unavailable,
                "nothing that came out of this call is used; look at the HSM, its log and the network to it, then run the \
                 command again",
            ),
            Cause::Misfit => Explanation::new(
                "HSM-MODULE",
                Kind::Unavailable,
                "check that the module is the vendor's PKCS#11 library for this machine",
            ),
        }
    }
}

/// `CKR_PIN_INCORRECT` from `PinIncorrect`; unknown and vendor codes keep their number.
fn code_name(rv: RvError) -> String {
    match rv {
        RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) => format!("CKR 0x{code:08x}"),
        named => {
            let mut name = String::from("CKR");
            for letter in format!("{named:?}").chars() {
                if letter.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            name
        }
    }
}

struct Words {
    id: &'static str,
    kind: Kind,
    what: &'static str,
    advice: &'static str,
}

/// One row a return value that an operator may meet. Ids are shared by values that need the same action.
fn plain_words(rv: RvError) -> Words {
    use Kind::{Refused, Software, Unavailable};
    let (id, kind, what, advice) = match rv {
        RvError::PinIncorrect => (
            "HSM-PIN-INCORRECT",
            Refused,
            "the PIN is wrong; one try was used",
            "look at the token's retry counter before trying again, and check which token the PIN belongs to",
        ),
        RvError::PinLocked => (
            "HSM-PIN-LOCKED",
            Refused,
            "the PIN is locked after too many wrong tries",
            "the security officer has to set a new user PIN",
        ),
        RvError::PinExpired => (
            "HSM-PIN-EXPIRED",
            Refused,
            "the PIN has expired and must be changed first",
            "change the PIN with the vendor's tool",
        ),
        RvError::PinLenRange | RvError::PinInvalid | RvError::PinTooWeak => (
            "HSM-PIN-FORM",
            Refused,
            "the PIN has a length or characters that the token does not accept",
            "look up the PIN rules of the token",
        ),
        RvError::UserPinNotInitialized => (
            "HSM-PIN-UNSET",
            Refused,
            "the token has no user PIN yet",
            "the security officer has to set the user PIN first",
        ),
        RvError::UserNotLoggedIn => (
            "HSM-NOT-LOGGED-IN",
            Refused,
            "the token wants a login for this, or the login was lost",
            "run the command again; the login ends when the token is pulled or reset",
        ),
        RvError::UserAnotherAlreadyLoggedIn
        | RvError::UserAlreadyLoggedIn
        | RvError::UserTooManyTypes
        | RvError::SessionReadWriteSoExists => (
            "HSM-OTHER-USER",
            Refused,
            "somebody, perhaps another user or the security officer, is logged in to the token already",
            "end the other program that uses the token",
        ),
        RvError::SessionExists | RvError::SessionReadOnlyExists => (
            "HSM-IN-USE",
            Refused,
            "a session with the token is open, and this wants the token for itself",
            "end the other programs that use the token, then run the command again",
        ),
        RvError::TokenNotPresent | RvError::SlotIdInvalid => (
            "HSM-ABSENT",
            Unavailable,
            "no token is in the slot",
            "insert the token or check the cable and the connection to the HSM",
        ),
        RvError::TokenNotRecognized => (
            "HSM-UNKNOWN",
            Unavailable,
            "the token in the slot is of a kind that the module does not know",
            "check that the module belongs to this token",
        ),
        RvError::DeviceRemoved | RvError::SessionHandleInvalid | RvError::SessionClosed => (
            "HSM-REMOVED",
            Unavailable,
            "the token was pulled or reset in the middle of the work",
            "insert the token again and run the command again; nothing was signed or opened by this call",
        ),
        RvError::DeviceError | RvError::FunctionFailed | RvError::GeneralError => (
            "HSM-DEVICE",
            Unavailable,
            "the token or its driver reports a fault",
            "look at the HSM's own log and front panel, then run the command again",
        ),
        RvError::DeviceMemory | RvError::HostMemory | RvError::SessionCount => (
            "HSM-FULL",
            Unavailable,
            "the token has no memory or no session left",
            "end other programs that use the token, or remove objects that are no longer needed",
        ),
        RvError::TokenWriteProtected | RvError::SessionReadOnly => (
            "HSM-READ-ONLY",
            Refused,
            "the token or the session is read-only",
            "remove the write protection of the token",
        ),
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => (
            "HSM-KEY-GONE",
            Unavailable,
            "the key is no longer where it was a moment ago",
            "check with a listing that the key still exists, and that no other program changes the token",
        ),
        RvError::KeyFunctionNotPermitted | RvError::ActionProhibited => (
            "HSM-KEY-USE",
            Refused,
            "the attributes of the key forbid this use",
            "use the key that was made for this purpose",
        ),
        RvError::KeyTypeInconsistent | RvError::KeySizeRange => (
            "HSM-KEY-TYPE",
            Refused,
            "the key is of another type or size than this operation needs",
            "check that the URI names the right key",
        ),
        RvError::MechanismInvalid | RvError::MechanismParamInvalid | RvError::FunctionNotSupported => (
            "HSM-MECHANISM",
            Refused,
            "the token cannot do this operation, or its policy forbids it",
            "choose an algorithm that the token offers, or enable it in the HSM's policy",
        ),
        RvError::CurveNotSupported | RvError::DomainParamsInvalid => (
            "HSM-CURVE",
            Refused,
            "the token does not know this curve",
            "choose another algorithm for keys of this token",
        ),
        RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange => (
            "HSM-CIPHERTEXT",
            Kind::Data,
            "the token cannot make sense of the ciphertext",
            "check that the message was encrypted to this key",
        ),
        RvError::KeyNotWrappable | RvError::KeyUnextractable => (
            "HSM-NOT-WRAPPABLE",
            Refused,
            "the token does not wrap keys of this kind, or not this one",
            "make a second key on the other token instead of a copy",
        ),
        RvError::WrappedKeyInvalid
        | RvError::WrappedKeyLenRange
        | RvError::WrappingKeySizeRange
        | RvError::WrappingKeyTypeInconsistent
        | RvError::UnwrappingKeySizeRange
        | RvError::UnwrappingKeyTypeInconsistent => (
            "HSM-WRAPPED-KEY",
            Refused,
            "the token does not take a wrapped key of this form",
            "use two tokens of one kind, or make a second key on the other token instead of a copy",
        ),
        RvError::TemplateInconsistent
        | RvError::TemplateIncomplete
        | RvError::AttributeValueInvalid
        | RvError::AttributeReadOnly => (
            "HSM-TEMPLATE",
            Refused,
            "the token does not accept the attributes that were asked for",
            "check in the HSM's policy whether keys of this kind are allowed",
        ),
        RvError::FunctionCanceled | RvError::FunctionRejected => (
            "HSM-CANCELLED",
            Refused,
            "the request was cancelled or refused at the token",
            "run the command again and confirm at the token",
        ),
        RvError::CryptokiNotInitialized | RvError::CantLock | RvError::NeedToCreateThreads => (
            "HSM-MODULE",
            Unavailable,
            "the module could not be started in this process",
            "check that the module's own configuration file can be found and read",
        ),
        _ => (
            "HSM-CALL",
            Software,
            "the token gave an answer that is not expected here",
            "look up the code in the vendor's manual and in the HSM's own log",
        ),
    };
    Words { id, kind, what, advice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    #[test]
    fn a_return_value_reads_as_words() {
        let error = DeviceError::from(Binding::Pkcs11(RvError::PinIncorrect, Function::Login));
        assert_eq!(error.to_string(), "C_Login failed with CKR_PIN_INCORRECT: the PIN is wrong; one try was used");
        assert_eq!(error.explain().kind.exit_code(), 77);
    }

    #[test]
    fn a_pulled_token_is_unavailable() {
        for rv in [RvError::DeviceRemoved, RvError::TokenNotPresent, RvError::DeviceError] {
            let error = DeviceError::from(Binding::Pkcs11(rv, Function::Sign));
            assert_eq!(error.explain().kind, Kind::Unavailable, "{error}");
        }
    }

    #[test]
    fn vendor_codes_keep_their_number() {
        let error = DeviceError::from(Binding::Pkcs11(RvError::VendorDefined(0x8000_0007), Function::Sign));
        assert_eq!(error.code(), "CKR 0x80000007");
    }
}
