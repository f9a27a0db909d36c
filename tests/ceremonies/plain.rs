//! A record without what differs from one rehearsal to the next.

/// `text` with placeholders for times, digests, fingerprints, serial numbers, sets of shares, slots, words and the version.
pub(crate) fn plain(text: &str) -> String {
    text.lines().map(|line| plain_line(line) + "\n").collect()
}

fn plain_line(line: &str) -> String {
    let line = runs(line);
    let line = pattern(&line, "0000-00-00 00:00:00Z", "TIME");
    let line = pattern(&line, "0000-00-00T00:00:00Z", "TIME");
    let line = pattern(&line, "0000-00-00", "DATE");
    let line = between(&line, "machine says ", " UTC", "TIME");
    let line = between(&line, "aloud at ", " UTC", "TIME");
    let line = between(&line, "serial=", ";", "SERIAL");
    let line = between(&line, "slot-id=", "", "SLOT");
    let line = between(&line, ", set ", "", "SET");
    let line = between(&line, "plan in words     ", "", "WORDS");
    between(&line, "pouch-ceremony ", "", "VERSION")
}

/// Digests in lower-case hexadecimal, fingerprints in upper-case.
fn runs(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(before);
        let hexadecimal = run.bytes().all(|byte| byte.is_ascii_hexdigit());
        out.push_str(match run.len() {
            64 if hexadecimal && run == run.to_lowercase() => "DIGEST",
            40 | 64 if hexadecimal && run == run.to_uppercase() => "FINGERPRINT",
            _ => run,
        });
        rest = after;
    }
    out + rest
}

/// Replaces whatever looks like `pattern`, in which `0` stands for any digit.
fn pattern(line: &str, pattern: &str, with: &str) -> String {
    let fits = |text: &str| {
        text.len() >= pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(c, p)| if p == b'0' { c.is_ascii_digit() } else { c == p })
    };
    let start = line.char_indices().map(|(at, _)| at).find(|at| fits(&line[*at..]));
    match start {
        Some(at) => format!("{}{with}{}", &line[..at], self::pattern(&line[at + pattern.len()..], pattern, with)),
        None => line.to_owned(),
    }
}

/// Replaces what stands between the two; nothing after means: to the end of the line.
fn between(line: &str, before: &str, after: &str, with: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else { return line.to_owned() };
    match tail.split_once(after) {
        _ if after.is_empty() => format!("{head}{before}{with}"),
        Some((_, rest)) => format!("{head}{before}{with}{after}{rest}"),
        None => line.to_owned(),
    }
}

#[test]
fn what_differs_is_replaced_and_nothing_else() {
    let (digest, fingerprint) = ("0a".repeat(32), "0A".repeat(20));
    let line = |text: &str| plain(text).trim_end().to_owned();
    assert_eq!(line(&format!("plan {digest} and {fingerprint}.")), "plan DIGEST and FINGERPRINT.");
    assert_eq!(line("2026-11-24 11:56:42Z  done until 2027-01-01T00:00:00Z"), "TIME  done until TIME");
    assert_eq!(line("both until 2027-01-01, home-2026-10"), "both until DATE, home-2026-10");
    assert_eq!(line("uri  pkcs11:token=a;serial=00ff;model=b"), "uri  pkcs11:token=a;serial=SERIAL;model=b");
    assert_eq!(line("2 of 3, set 123"), "2 of 3, set SET");
    assert_eq!(line("tool  pouch-ceremony 1.0"), "tool  pouch-ceremony VERSION");
    assert_eq!(line("proven  key sealing signs"), "proven  key sealing signs");
}
