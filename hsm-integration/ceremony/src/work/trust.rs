//! The trust file of the embassy: whose signatures count, for which registry, and how many of them.

use super::accept::{fingerprint_of, load};
use super::replace::{newest, overlap_end};
use crate::ceremony::{Ceremony, now};
use crate::people::Role;
use crate::plan::Name;
use crate::transcript::Fact;
use jiff::Timestamp;
use pouch_console::{Exit, Failure};
use pouch_format::Profile;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The file.
const FILE: &str = "trust.toml";

#[derive(Serialize)]
struct TrustFile {
    certificate: Vec<Pinned>,
    registry: BTreeMap<String, Policy>,
    embassy: Embassy,
}

#[derive(Serialize)]
struct Pinned {
    file: String,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Policy {
    signers: Vec<String>,
    threshold: usize,
    /// The weakest profile that is taken.
    profile: Profile,
}

#[derive(Serialize)]
struct Embassy {
    certificates: Vec<String>,
}

pub(super) fn write(ceremony: &mut Ceremony<'_>) -> Result<Vec<Fact>, Failure> {
    let trust = ceremony.plan().trust.clone();
    let trust = trust.ok_or_else(|| Failure::new("CEREMONY-PLAN", Exit::Software, "the plan has no trust file"))?;
    let fingerprint =
        |name: &Name| -> Result<String, Failure> { Ok(fingerprint_of(&load(ceremony, name)?)?.to_string()) };
    let named: BTreeSet<&Name> = trust.registry.values().flat_map(|signers| &signers.signers).collect();
    let mut certificate = Vec::new();
    for name in named {
        let (from, until) = period(ceremony, name);
        certificate.push(Pinned { file: newest(ceremony, name), fingerprint: fingerprint(name)?, from, until });
    }
    let weakest = ceremony.plan().profile;
    let mut registry = BTreeMap::new();
    for (name, policy) in &trust.registry {
        let signers = policy.signers.iter().map(fingerprint).collect::<Result<_, _>>()?;
        registry.insert(
            name.to_string(),
            Policy { signers, threshold: policy.threshold, profile: policy.profile.unwrap_or(weakest) },
        );
    }
    let embassy = Embassy { certificates: trust.embassy.iter().map(|name| newest(ceremony, name)).collect() };
    let text = toml::to_string(&TrustFile { certificate, registry, embassy }).map_err(|error| {
        Failure::new("CEREMONY-TRUST", Exit::Software, format!("the trust file cannot be written: {error}"))
    })?;
    ceremony.confirm(Role::Administrator, &format!("The trust file will say:\n\n{text}"))?;
    Ok(vec![ceremony.write_file(FILE, text.as_bytes())?])
}

/// A certificate that another one takes the place of counts until the overlap ends, and the other one from now on.
fn period(ceremony: &Ceremony<'_>, name: &Name) -> (Option<Timestamp>, Option<Timestamp>) {
    match &ceremony.plan().rollover {
        Some(rollover) if rollover.from == *name => (None, Some(overlap_end(rollover))),
        Some(rollover) if rollover.to == *name => (Some(now()), None),
        _ => (None, None),
    }
}
