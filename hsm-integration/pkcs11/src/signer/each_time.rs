//! Keys that want the PIN for every signature (`CKA_ALWAYS_AUTHENTICATE`).
//!
//! The PIN goes between the beginning of a signature and its end. The binding begins and ends in one step, except for
//! signatures in parts: so these are made of one part. The standard leaves it to the token whether it takes raw digests so.
//! The modules of a TPM do, and those of most smart cards; SoftHSM does not, and kryoptic for Ed25519 alone.

use super::{SignError, TokenSigner, mechanism};
use crate::{
    device::DeviceError,
    open::Token,
    pin::{self, LoginOptions, PinPrompt},
    session::{Operation, count},
};
use cryptoki::{error::RvError, session::UserType};
use std::sync::{Arc, Mutex, PoisonError};

/// Asks for the PIN again and again, from whichever thread signs.
pub type SharedPrompt = Arc<Mutex<dyn PinPrompt + Send>>;

#[derive(Clone)]
pub(super) struct EachTime(pub(super) SharedPrompt);

impl EachTime {
    /// The token's bytes, with the PIN asked for now, tried once and forgotten.
    pub(super) fn ask(&self, signer: &TokenSigner, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |source: DeviceError| SignError::Device { key: signer.key.uri.clone(), source };
        let token = &signer.shared.token;
        let status = token.ask(token.deadlines.answer, "reading the token", Token::status_now).map_err(failed)?;
        pin::assert_safe_to_try(&status, false)?;
        let mut prompt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pin = pin::ask(&status, &mut LoginOptions { prompt: Some(&mut *prompt), ..LoginOptions::default() })?;
        drop(prompt);
        count(Operation::Sign);
        let (handle, material, input) = (signer.key.handle, signer.material.clone(), input.to_vec());
        let signed = signer.shared.operate_with_person("signing", move |session| {
            session.sign_init(&mechanism(&material), handle)?;
            count(Operation::Login);
            session.login(UserType::ContextSpecific, pin.as_ref())?;
            session.sign_update(&input)?;
            session.sign_final()
        });
        signed.map_err(|source| {
            if is_not_in_parts(&source) {
                SignError::NotInParts { key: signer.key.uri.clone(), source }
            } else {
                failed(source)
            }
        })
    }
}

fn is_not_in_parts(error: &DeviceError) -> bool {
    let of_parts = ["C_SignUpdate", "C_SignFinal"].contains(&error.call());
    let refused = [RvError::OperationNotInitialized, RvError::FunctionNotSupported, RvError::MechanismInvalid];
    of_parts && error.rv().is_some_and(|rv| refused.contains(&rv))
}
