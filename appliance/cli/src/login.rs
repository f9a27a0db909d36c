//! Logging in to a token: the flags that say how, and the one try.

use openpgp_pkcs11::{DEFAULT_CREDENTIAL, Holder, LoggedIn, LoggedInHolder, LoginOptions, PinPrompt, Token, Uri};
use pouch_console::{Exit, Failure, Output};
use pouch_platform::SecretTty;

use crate::explain::hsm;
use crate::pin::TtyPin;
use crate::quorum::{self, QuorumPin};
use crate::split::warn_of_split_key;

/// How a token's PIN is had; flatten them into every command that logs in.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct PinArgs {
    /// Put the PIN together from the shares (SLIP-0039) of custodians, who type their words at the terminal.
    #[arg(long)]
    pub quorum: bool,

    /// Use the token although one more wrong PIN locks it.
    #[arg(long)]
    pub last_try: bool,
}

/// How the PIN of one token is had, judged before anything is asked or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    quorum: bool,
    last_try: bool,
}

impl PinArgs {
    /// What the flags say, and the configuration, which may demand a quorum of those who use the token of `key`.
    ///
    /// # Errors
    /// `QUORUM-PIN-SOURCE`: the PIN could be had in another way too, and then no quorum is needed for it.
    pub fn login(self, demanded: bool, key: &Uri) -> Result<Login, Failure> {
        let quorum = self.quorum || demanded;
        if quorum {
            let second = match key.pin_source() {
                Some(_) => Some("the key's URI names a pin-source".to_owned()),
                None => credential().then(|| format!("there is a credential `{DEFAULT_CREDENTIAL}`")),
            };
            if let Some(second) = second {
                let exit = if demanded { Exit::Config } else { Exit::Usage };
                let message = format!("the PIN is to come from a quorum, but {second}");
                return Err(Failure::new("QUORUM-PIN-SOURCE", exit, message).hint(
                    "nothing was done; two ways to one PIN are no quorum: take the other one away and change the PIN",
                ));
            }
        }
        Ok(Login { quorum, last_try: self.last_try })
    }
}

fn credential() -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|folder| std::path::Path::new(&folder).join(DEFAULT_CREDENTIAL).exists())
}

impl Login {
    /// Whether a quorum will be asked.
    #[must_use]
    pub const fn is_quorum(self) -> bool {
        self.quorum
    }

    /// Who will be asked, as one word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        if self.quorum { "quorum" } else { "pin" }
    }

    /// Logs in: one try, with the PIN from the pin-source, the credential or the terminal; or from a quorum and nothing
    /// else.
    ///
    /// # Errors
    /// What the token says, or `QUORUM-*`: then nothing was tried at the token.
    pub fn log_in(self, holder: &Holder, output: &Output) -> Result<LoggedInHolder, Failure> {
        warn_of_split_key(holder, output);
        let tokens = std::iter::once(holder.token()).chain(holder.second_token());
        self.ask(tokens, output, |options| holder.login(options).map_err(hsm))
    }

    /// The same for a token of which no key is meant.
    ///
    /// # Errors
    /// As for [`Login::log_in`].
    pub fn log_in_token(self, token: &Token, output: &Output) -> Result<LoggedIn, Failure> {
        self.ask(std::iter::once(token), output, |options| token.login(options).map_err(hsm))
    }

    fn ask<'t, T>(
        self,
        mut tokens: impl Iterator<Item = &'t Token>,
        output: &Output,
        login: impl FnOnce(LoginOptions<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !self.quorum {
            let mut prompt = TtyPin::new(output);
            let prompt = prompt.as_mut().map(|prompt| prompt as &mut dyn PinPrompt);
            return login(LoginOptions { prompt, allow_final_try: self.last_try, ..LoginOptions::default() });
        }
        tokens.try_for_each(|token| check_quorum(token, output))?;
        let mut prompt = QuorumPin::default();
        // No credential, should one have appeared.
        let outcome = login(LoginOptions { credential: "", prompt: Some(&mut prompt), allow_final_try: self.last_try });
        match prompt.failure.take() {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }
}

/// What would make a quorum impossible, or needless.
fn check_quorum(token: &Token, output: &Output) -> Result<(), Failure> {
    let status = token.status().map_err(hsm)?;
    if status.pinpad {
        return Err(quorum::pinpad(&status.label));
    }
    if !status.login_required {
        let message = format!("token \"{}\" asks for no PIN, so that no quorum protects it", status.label);
        return Err(Failure::new("QUORUM-NO-PIN", Exit::Refused, message).hint("nothing was done; use another token"));
    }
    if output.options().no_input {
        let message = "custodians have to be asked, and --no-input was given";
        return Err(Failure::new("QUORUM-TERMINAL", Exit::Usage, message).hint("nothing was tried at the token"));
    }
    SecretTty::open().map(drop).map_err(quorum::no_terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_allows_no_other_way() {
        let (with, without) = ("pkcs11:token=a?pin-source=file:/run/pin", "pkcs11:token=a");
        let login = |quorum, demanded, uri: &str| {
            PinArgs { quorum, last_try: false }.login(demanded, &Uri::parse(uri).unwrap())
        };
        assert!(!login(false, false, with).unwrap().is_quorum());
        assert!(login(true, false, without).unwrap().is_quorum());
        assert!(login(false, true, without).unwrap().is_quorum());
        for (quorum, demanded, exit) in
            [(true, false, Exit::Usage), (false, true, Exit::Config), (true, true, Exit::Config)]
        {
            let failure = login(quorum, demanded, with).unwrap_err();
            assert_eq!((failure.id.as_str(), failure.exit), ("QUORUM-PIN-SOURCE", exit));
        }
    }
}
