//! What a token offers, read from its mechanism list before anything is asked of it.

use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    generate::Algorithm,
    key::Usage,
    open::Token,
    uri::Uri,
};
use cryptoki::mechanism::{MechanismInfo, MechanismType};

/// Why a token cannot have keys of an algorithm, or not for a use.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OfferError {
    /// The token's mechanism list lacks what is needed.
    #[error(
        "token {token} offers no {algorithm}{}: {lack}; it offers {}",
        usage.map(|usage| format!(" for {usage}")).unwrap_or_default(),
        list(offered)
    )]
    NotOffered {
        /// Algorithm asked for.
        algorithm: Algorithm,
        /// The use asked for, `None` when keys of this kind cannot be made at all.
        usage: Option<Usage>,
        /// The token.
        token: Uri,
        /// What is missing, with both values where a size is outside its range.
        lack: String,
        /// What the token offers instead, and for what.
        offered: Vec<(Algorithm, Vec<Usage>)>,
    },
    /// The mechanisms cannot be read.
    #[error("mechanisms of token {token}: {source}")]
    Device {
        /// The token.
        token: Uri,
        /// The call that failed.
        source: DeviceError,
    },
}

impl Explain for OfferError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Device { source, .. } => source.explain(),
            Self::NotOffered { algorithm: Algorithm::MlDsa65 | Algorithm::MlKem768, .. } => Explanation::new(
                "HSM-NOT-OFFERED",
                Kind::Refused,
                "nothing was made; use a token of PKCS#11 3.2, or, which is weaker, keep the post-quantum half in a second \
                 token: name it with `key_pq` and write `accept_split_key = true`",
            ),
            Self::NotOffered { .. } => Explanation::new(
                "HSM-NOT-OFFERED",
                Kind::Refused,
                "nothing was made; choose an algorithm that the token offers, or another token",
            ),
        }
    }
}

fn list(offered: &[(Algorithm, Vec<Usage>)]) -> String {
    if offered.is_empty() {
        return "nothing that can be used here".into();
    }
    let one = |(algorithm, usages): &(Algorithm, Vec<Usage>)| {
        let usages: Vec<_> = usages.iter().map(|usage| usage.word()).collect();
        format!("{algorithm} ({})", usages.join(", "))
    };
    offered.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Token {
    /// What keys of this algorithm could do on this token: at least one use, in the order of
    /// [`Algorithm::usages`]. Needs no login.
    ///
    /// The list of mechanisms says nothing of single curves: a token may still refuse one when the key is made.
    ///
    /// # Errors
    /// [`OfferError::NotOffered`] when the token makes no such keys, or not of this size, or can do nothing with
    /// them; [`OfferError::Device`] when its mechanisms cannot be read.
    pub fn offers(&self, algorithm: Algorithm) -> Result<Vec<Usage>, OfferError> {
        Ok(self.making(algorithm)?.usages)
    }

    /// Refuses a token on which a key of this algorithm could not be used so. Needs no login.
    ///
    /// # Errors
    /// [`OfferError`] as for [`Token::offers`]; `NotOffered` also when keys can be made but not used so.
    pub fn assert_offers(&self, algorithm: Algorithm, usage: Usage) -> Result<(), OfferError> {
        let Making { mechanisms, usages, .. } = self.making(algorithm)?;
        if usages.contains(&usage) {
            return Ok(());
        }
        let lack = mechanisms.lacks(algorithm, usage).unwrap_or_else(|| "keys of this kind are not for that".into());
        Err(self.refusal(algorithm, Some(usage), lack, &mechanisms))
    }

    /// How this token makes such keys, and what they can do.
    pub(crate) fn making(&self, algorithm: Algorithm) -> Result<Making, OfferError> {
        let unread = |source| OfferError::Device { token: self.uri().clone(), source };
        let mechanisms = self.ask(self.deadlines.answer, "reading mechanisms", Self::mechanisms_now).map_err(unread)?;
        match mechanisms.making(algorithm) {
            Ok((maker, usages)) => Ok(Making { maker, usages, mechanisms }),
            Err(lack) => Err(self.refusal(algorithm, None, lack, &mechanisms)),
        }
    }

    fn refusal(&self, algorithm: Algorithm, usage: Option<Usage>, lack: String, all: &Mechanisms) -> OfferError {
        let offered = |other: Algorithm| Some((other, all.usages(other).ok()?));
        OfferError::NotOffered {
            algorithm,
            usage,
            token: self.uri().clone(),
            lack,
            offered: Algorithm::ALL.into_iter().filter_map(offered).collect(),
        }
    }

    fn mechanisms_now(&self) -> Result<Mechanisms, DeviceError> {
        let listed = self.module.get_mechanism_list(self.slot)?;
        let mut mechanisms = Vec::new();
        for (kind, name) in NAMES {
            if listed.contains(&kind) {
                let info = self.module.get_mechanism_info(self.slot, kind)?;
                mechanisms.push(Offer::new(kind, name, &info));
            }
        }
        Ok(Mechanisms(mechanisms))
    }
}

/// How a token makes keys of an algorithm.
pub(crate) struct Making {
    /// SoftHSM lacks the Montgomery mechanism but makes X25519 keys with the Edwards one.
    pub(crate) maker: MechanismType,
    /// At least one.
    pub(crate) usages: Vec<Usage>,
    mechanisms: Mechanisms,
}

/// The mechanisms that this crate asks for.
const NAMES: [(MechanismType, &str); 12] = [
    (MechanismType::RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN"),
    (MechanismType::RSA_PKCS, "CKM_RSA_PKCS"),
    (MechanismType::ECC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN"),
    (MechanismType::ECDSA, "CKM_ECDSA"),
    (MechanismType::ECDH1_DERIVE, "CKM_ECDH1_DERIVE"),
    (MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, "CKM_EC_EDWARDS_KEY_PAIR_GEN"),
    (MechanismType::EDDSA, "CKM_EDDSA"),
    (MechanismType::ECC_MONTGOMERY_KEY_PAIR_GEN, "CKM_EC_MONTGOMERY_KEY_PAIR_GEN"),
    (MechanismType::ML_DSA_KEY_PAIR_GEN, "CKM_ML_DSA_KEY_PAIR_GEN"),
    (MechanismType::ML_DSA, "CKM_ML_DSA"),
    (MechanismType::ML_KEM_KEY_PAIR_GEN, "CKM_ML_KEM_KEY_PAIR_GEN"),
    (MechanismType::ML_KEM, "CKM_ML_KEM"),
];

fn name(kind: MechanismType) -> String {
    NAMES.iter().find(|(known, _)| *known == kind).map_or_else(|| kind.to_string(), |&(_, name)| name.to_owned())
}

/// One mechanism as the token describes it.
struct Offer {
    kind: MechanismType,
    name: &'static str,
    sizes: (usize, usize),
    makes: bool,
    signs: bool,
    decrypts: bool,
    derives: bool,
    decapsulates: bool,
}

impl Offer {
    fn new(kind: MechanismType, name: &'static str, info: &MechanismInfo) -> Self {
        Self {
            kind,
            name,
            sizes: (info.min_key_size(), info.max_key_size()),
            makes: info.generate_key_pair(),
            signs: info.sign(),
            decrypts: info.decrypt(),
            derives: info.derive(),
            decapsulates: info.decapsulate(),
        }
    }
}

struct Mechanisms(Vec<Offer>);

impl Mechanisms {
    fn find(&self, kind: MechanismType, can: impl Fn(&Offer) -> bool) -> Option<&Offer> {
        self.0.iter().find(|offer| offer.kind == kind && can(offer))
    }

    /// What makes such keys, else what is missing.
    fn maker(&self, algorithm: Algorithm) -> Result<MechanismType, String> {
        let makers = makers(algorithm);
        let found = makers.iter().find_map(|&kind| Some((kind, self.find(kind, |offer| offer.makes)?)));
        let (kind, offer) = found.ok_or_else(|| {
            let names: Vec<_> = makers.iter().map(|&kind| name(kind)).collect();
            format!("it has no {}", names.join(" and no "))
        })?;
        let (least, most) = offer.sizes;
        let sizes = sizes(algorithm);
        // A token that states no sizes says zero twice.
        if most != 0 && !sizes.is_empty() && !sizes.iter().any(|size| (least..=most).contains(size)) {
            let wanted = sizes.first().copied().unwrap_or_default();
            return Err(format!("its {} makes keys of {least} to {most} bits, {wanted} are needed", offer.name));
        }
        Ok(kind)
    }

    fn usages(&self, algorithm: Algorithm) -> Result<Vec<Usage>, String> {
        self.making(algorithm).map(|(_, usages)| usages)
    }

    fn making(&self, algorithm: Algorithm) -> Result<(MechanismType, Vec<Usage>), String> {
        let maker = self.maker(algorithm)?;
        let usages: Vec<_> = algorithm.usages().to_vec();
        let (good, lacking): (Vec<_>, Vec<_>) =
            usages.into_iter().partition(|&usage| self.lacks(algorithm, usage).is_none());
        if good.is_empty() {
            let lacks: Vec<_> = lacking.into_iter().filter_map(|usage| self.lacks(algorithm, usage)).collect();
            return Err(lacks.join(", "));
        }
        Ok((maker, good))
    }

    /// What is missing for a use; `None` when nothing is, or when such keys are never for that use.
    fn lacks(&self, algorithm: Algorithm, usage: Usage) -> Option<String> {
        let kind = user(algorithm, usage)?;
        let can = |offer: &Offer| match usage {
            Usage::Sign => offer.signs,
            Usage::Decrypt => offer.decrypts,
            Usage::Derive => offer.derives,
            Usage::Decapsulate => offer.decapsulates,
        };
        self.find(kind, can).is_none().then(|| format!("it has no {} for {usage}", name(kind)))
    }
}

/// What can make such keys, the best first.
fn makers(algorithm: Algorithm) -> &'static [MechanismType] {
    match algorithm {
        Algorithm::Rsa3072 | Algorithm::Rsa4096 => &[MechanismType::RSA_PKCS_KEY_PAIR_GEN],
        Algorithm::P256 | Algorithm::P384 => &[MechanismType::ECC_KEY_PAIR_GEN],
        Algorithm::Ed25519 => &[MechanismType::ECC_EDWARDS_KEY_PAIR_GEN],
        Algorithm::X25519 => &[MechanismType::ECC_MONTGOMERY_KEY_PAIR_GEN, MechanismType::ECC_EDWARDS_KEY_PAIR_GEN],
        Algorithm::MlDsa65 => &[MechanismType::ML_DSA_KEY_PAIR_GEN],
        Algorithm::MlKem768 => &[MechanismType::ML_KEM_KEY_PAIR_GEN],
    }
}

/// Sizes in bits by which a token may mean this kind: that of the number, and for the two last curves also that
/// of its bytes, and their count. None for the lattices: PKCS#11 3.2 does not say what these fields count there.
fn sizes(algorithm: Algorithm) -> &'static [usize] {
    match algorithm {
        Algorithm::Rsa3072 => &[3072],
        Algorithm::Rsa4096 => &[4096],
        Algorithm::P256 => &[256],
        Algorithm::P384 => &[384],
        Algorithm::Ed25519 | Algorithm::X25519 => &[255, 256, 32],
        Algorithm::MlDsa65 | Algorithm::MlKem768 => &[],
    }
}

/// What uses such a key.
fn user(algorithm: Algorithm, usage: Usage) -> Option<MechanismType> {
    use Algorithm::{Ed25519, MlDsa65, MlKem768, P256, P384, Rsa3072, Rsa4096, X25519};
    match (algorithm, usage) {
        (Rsa3072 | Rsa4096, Usage::Sign | Usage::Decrypt) => Some(MechanismType::RSA_PKCS),
        (P256 | P384, Usage::Sign) => Some(MechanismType::ECDSA),
        (P256 | P384 | X25519, Usage::Derive) => Some(MechanismType::ECDH1_DERIVE),
        (Ed25519, Usage::Sign) => Some(MechanismType::EDDSA),
        (MlDsa65, Usage::Sign) => Some(MechanismType::ML_DSA),
        (MlKem768, Usage::Decapsulate) => Some(MechanismType::ML_KEM),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(kind: MechanismType, sizes: (usize, usize)) -> Offer {
        let name = NAMES.iter().find(|(known, _)| *known == kind).unwrap().1;
        Offer { kind, name, sizes, makes: true, signs: true, decrypts: true, derives: true, decapsulates: true }
    }

    #[test]
    fn a_size_outside_the_range_is_told_with_both_values() {
        let range = (1024, 3072);
        let tpm =
            Mechanisms(vec![offer(MechanismType::RSA_PKCS_KEY_PAIR_GEN, range), offer(MechanismType::RSA_PKCS, range)]);
        assert_eq!(tpm.usages(Algorithm::Rsa3072), Ok(vec![Usage::Sign, Usage::Decrypt]));
        let lack = tpm.usages(Algorithm::Rsa4096).unwrap_err();
        assert_eq!(lack, "its CKM_RSA_PKCS_KEY_PAIR_GEN makes keys of 1024 to 3072 bits, 4096 are needed");
        assert_eq!(tpm.usages(Algorithm::Ed25519).unwrap_err(), "it has no CKM_EC_EDWARDS_KEY_PAIR_GEN");
    }

    #[test]
    fn sizes_may_be_unstated_or_count_bytes() {
        for sizes in [(0, 0), (255, 448), (256, 456), (32, 57)] {
            let token = Mechanisms(vec![
                offer(MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, sizes),
                offer(MechanismType::EDDSA, sizes),
            ]);
            assert_eq!(token.usages(Algorithm::Ed25519), Ok(vec![Usage::Sign]), "{sizes:?}");
            let lack = token.usages(Algorithm::X25519).unwrap_err();
            assert_eq!(lack, "it has no CKM_ECDH1_DERIVE for key agreement (CKA_DERIVE)");
        }
    }

    #[test]
    fn a_mechanism_without_the_flag_is_no_offer() {
        let mut ecdsa = offer(MechanismType::ECDSA, (192, 521));
        ecdsa.signs = false;
        let make = || offer(MechanismType::ECC_KEY_PAIR_GEN, (192, 521));
        let derive = offer(MechanismType::ECDH1_DERIVE, (192, 521));
        let token = Mechanisms(vec![make(), ecdsa, derive]);
        assert_eq!(token.usages(Algorithm::P256), Ok(vec![Usage::Derive]));
        assert!(Mechanisms(vec![make()]).usages(Algorithm::P256).unwrap_err().contains("CKM_ECDSA"));
        let mut blind = make();
        blind.makes = false;
        assert!(Mechanisms(vec![blind]).usages(Algorithm::P256).is_err());
    }
}
