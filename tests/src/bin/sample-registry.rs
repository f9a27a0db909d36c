//! Writes a made-up registry as a script for `psql`: `sample-registry land|business [SEED [MEGABYTES]]`.

use acceptance::sample::Registry;
use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).map_or(Some(default), |text| text.parse().ok());
    let registry = arguments.first().and_then(|name| Registry::named(name));
    let (Some(registry), Some(seed), Some(megabytes)) = (registry, number(1, 7), number(2, 150)) else {
        let _ = writeln!(io::stderr(), "usage: sample-registry land|business [SEED [MEGABYTES]]");
        return ExitCode::from(64);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match registry.write(seed, megabytes, &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot write the registry: {error}");
            ExitCode::from(74)
        }
    }
}
