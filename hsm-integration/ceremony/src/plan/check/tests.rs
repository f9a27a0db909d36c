//! One plan that can be carried out, and what makes it one that cannot.

use super::*;

const PLAN: &str = r#"
    version = 1
    title = "t"
    purpose = "p"
    profile = "rfc9580"
    prove = ["ours"]
    people = { custodians = 0, threshold = 0, witnesses = 0 }
    token.t = { state = "ready", label = "t", user_pin = "typed" }
    key.certify = { token = "t", algorithm = "ed25519", label = "c", id = "01", before = true }
    key.open = { token = "t", algorithm = "x25519", label = "o", id = "02", before = true }
    known.ours = { user_id = "u", primary = "certify", encryption = ["open"] }
    known.theirs = { user_id = "v" }
    transcript.signed_by = "ours"
"#;

fn fields(from: &str, to: &str) -> Vec<String> {
    assert!(PLAN.contains(from), "{from}");
    let plan: Plan = toml::from_str(&PLAN.replacen(from, to, 1)).unwrap();
    problems(&plan).into_iter().map(|problem| problem.field).collect()
}

#[test]
fn only_split_pins_of_tokens_from_before_have_papers() {
    let split = r#"{ state = "ready", label = "t", user_pin = "quorum" }"#;
    let plan = PLAN.replace(r#"{ state = "ready", label = "t", user_pin = "typed" }"#, split);
    let plan = plan.replace("custodians = 0, threshold = 0", "custodians = 3, threshold = 2");
    let fields = |papers: &str, plan: &str| {
        let plan: Plan = toml::from_str(&format!("papers = [\"{papers}\"]\n{plan}")).unwrap();
        problems(&plan).into_iter().map(|problem| problem.field).collect::<Vec<_>>()
    };
    assert_eq!(fields("t", &plan), [""; 0]);
    assert_eq!(fields("other", &plan), ["papers[0]"]);
    assert_eq!(fields("t", PLAN), ["papers[0]"]);
    let anew: Plan = toml::from_str(&format!("reshare = [\"t\", \"other\"]\n{plan}")).unwrap();
    let found: Vec<_> = problems(&anew).into_iter().map(|problem| problem.field).collect();
    assert_eq!(found, ["reshare[1]"]);
}

#[test]
fn what_signs_the_transcript_is_still_there_at_its_end() {
    assert_eq!(fields("prove", "retire = [\"open\"]\nprove"), [""; 0]);
    assert_eq!(fields("prove", "retire = [\"certify\"]\nprove"), ["retire[0]"]);
    let revoked = "revoke.ours = { reason = \"retired\", text = \"t\" }\ntranscript";
    assert_eq!(fields("transcript", revoked), ["transcript.signed_by"]);
}

#[test]
fn both_halves_of_a_key_are_retired_together() {
    let composite = r#"key.h = { token = "t", algorithm = "mldsa65-ed25519", label = "h", id = "03", before = true }"#;
    assert_eq!(fields("prove", &format!("retire = [\"h\"]\n{composite}\nprove")), [""; 0]);
}

#[test]
fn a_copy_has_a_name_of_its_own_in_its_token_too() {
    let others = |label: &str| {
        format!(
            "token.b = {{ state = \"empty\", label = \"b\", user_pin = \"typed\", so_pin = \"typed\" }}\n\
             key.copied = {{ token = \"t\", algorithm = \"ed25519\", label = \"{label}\", id = \"07\", exportable = true, backup = \"b\" }}\n\
             key.other = {{ token = \"b\", algorithm = \"ed25519\", label = \"k\", id = \"08\" }}\nknown.theirs"
        )
    };
    assert_eq!(fields("known.theirs", &others("j")), [""; 0]);
    assert_eq!(fields("known.theirs", &others("k")), ["key.other.label"]);
}

#[test]
fn a_signer_counts_once() {
    let trust = |signers: &str| {
        format!(
            "trust.embassy = [\"theirs\"]\ntrust.registry.land = {{ signers = {signers}, threshold = 2 }}\ntranscript"
        )
    };
    assert_eq!(fields("transcript", &trust(r#"["ours", "theirs"]"#)), [""; 0]);
    assert_eq!(fields("transcript", &trust(r#"["ours", "ours"]"#)), ["trust.registry.land.signers"]);
}

#[test]
fn only_keys_that_are_there_already_can_be_proven() {
    assert_eq!(fields("", ""), [""; 0]);
    assert_eq!(fields(r#"prove = ["ours"]"#, r#"prove = ["theirs"]"#), ["prove[0]"]);
    assert_eq!(fields(r#"prove = ["ours"]"#, r#"prove = ["nobody"]"#), ["prove[0]"]);
    assert_eq!(fields(r#"encryption = ["open"]"#, r#"encryption = ["certify"]"#), ["known.ours.encryption"]);
    assert_eq!(fields(r#"encryption = ["open"]"#, r#"signing = "open""#), ["known.ours.signing"]);
    assert_eq!(fields(r#""o", id = "02", before = true"#, r#""o", id = "02""#), ["known.ours.encryption"]);
    let without = fields(r#"primary = "certify", "#, "");
    assert_eq!(without, ["known.ours.primary", "transcript.signed_by"]);
}

#[test]
fn the_present_officers_pin_is_of_a_token_that_is_erased() {
    let token = |state: &str, present: &str| {
        let to = format!(
            "token.b = {{ state = \"{state}\", label = \"b\", user_pin = \"typed\", so_pin = \"typed\", \
             present_so_pin = \"{present}\" }}\nknown.theirs"
        );
        fields("known.theirs", &to)
    };
    assert_eq!(token("used", "typed"), [""; 0]);
    assert_eq!(token("used", "file"), ["token.b.present_so_pin"]);
    assert_eq!(token("empty", "typed"), ["token.b.present_so_pin"]);
    assert_eq!(token("used", "quorum"), ["people"], "there are no custodians");
}

#[test]
fn an_overlap_ends_before_the_new_certificate_does() {
    let rollover = |days: u32| {
        format!(
            "token.b = {{ state = \"empty\", label = \"b\", user_pin = \"typed\", so_pin = \"typed\" }}\n\
             key.new = {{ token = \"b\", algorithm = \"ed25519\", label = \"n\", id = \"01\" }}\n\
             certificate.new = {{ user_id = \"n\", primary = \"new\", valid_days = 90 }}\n\
             rollover = {{ from = \"ours\", to = \"new\", overlap_days = {days} }}\nknown.theirs"
        )
    };
    assert_eq!(fields("known.theirs", &rollover(90)), [""; 0]);
    assert_eq!(fields("known.theirs", &rollover(91)), ["rollover.overlap_days"]);
}

#[test]
fn a_text_reads_as_it_is_written() {
    assert_eq!(fields(r#"user_id = "v""#, r#"user_id = "Õnne \\ 東京 <v@example.org>""#), [""; 0]);
    for unseen in ["\\u202e", "\\u200b", "\\u001b[2J", "\\n"] {
        assert_eq!(
            fields(r#"user_id = "v""#, &format!("user_id = \"v{unseen}\"")),
            ["known.theirs.user_id"],
            "{unseen}"
        );
    }
}
