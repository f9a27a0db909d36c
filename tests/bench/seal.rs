//! How fast a registry is sealed on this machine, and how fast others do about the same: `bench-seal [MEBIBYTES]`.
//!
//! Two sources of that size: incompressible bytes, and the data of the made-up registries. Each tool turns the folder into
//! compressed, encrypted and signed bytes on disk (age cannot sign). Each runs twice; the better run counts.

use acceptance::place::{Keys, Place};
use acceptance::process::{command, run, show};
use acceptance::sample::Registry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Of each source, in MiB.
const MEBIBYTES: u64 = 1024;

/// Files of a source.
const FILES: u64 = 8;

const RUNS: usize = 2;

fn main() -> ExitCode {
    let size = std::env::args().nth(1).map_or(Some(MEBIBYTES), |text| text.parse().ok());
    let outcome = size.ok_or_else(|| "usage: bench-seal [MEBIBYTES]".to_string()).and_then(bench);
    if let Err(message) = outcome {
        say(&message);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn bench(mebibytes: u64) -> Result<(), String> {
    let folder = tempfile::Builder::new().prefix("bench-seal-").tempdir().map_err(|error| error.to_string())?;
    let place = Place::create(folder.path(), Keys::Rfc9580)?;
    let peers = Peers::create(folder.path())?;
    say(&format!(
        "{:<26} {:>14} {:>9} {:>9} {:>10} {:>10}",
        "", "source", "seconds", "MiB/s", "sealed MiB", "memory MiB"
    ));
    for (source, registry) in [("incompressible", None), ("registry", Some(Registry::Business))] {
        let data = folder.path().join(source);
        make(&data, mebibytes, registry).map_err(|error| format!("{}: {error}", data.display()))?;
        place.add_registry(source, &format!("source = \"directory\"\npath = \"{}\"", data.display()), "")?;
        let row = |tool: &str, best: &Measured| {
            let rate = mebibytes as f64 / best.seconds;
            let memory = best.memory.map_or("-".to_string(), |bytes| (bytes >> 20).to_string());
            let sealed = best.sealed >> 20;
            say(&format!("{tool:<26} {source:>14} {:>9.2} {rate:>9.0} {sealed:>10} {memory:>10}", best.seconds));
        };
        row("pouch-seal", &best(|| ours(&place, source))?);
        for (tool, last) in &peers.pipelines {
            row(tool, &best(|| peers.seal(&data, last))?);
        }
        fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    }
    Ok(())
}

/// One run.
struct Measured {
    seconds: f64,
    /// Bytes made.
    sealed: u64,
    /// Most memory resident at once, in bytes, where one process does it all.
    memory: Option<u64>,
}

fn best(mut measure: impl FnMut() -> Result<Measured, String>) -> Result<Measured, String> {
    let mut best = measure()?;
    for _ in 1..RUNS {
        let again = measure()?;
        if again.seconds < best.seconds {
            best = again;
        }
    }
    Ok(best)
}

fn ours(place: &Place, registry: &str) -> Result<Measured, String> {
    let mut seal = place.seal()?;
    seal.args(["--quiet", "--format", "json", "seal", registry]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut process = seal.spawn().map_err(|error| format!("{}: {error}", show(&seal)))?;
    let status = format!("/proc/{}/status", process.id());
    let mut memory = None;
    while process.try_wait().map_err(|error| error.to_string())?.is_none() {
        memory = high_water(&status).or(memory);
        thread::sleep(Duration::from_millis(5));
    }
    let seconds = started.elapsed().as_secs_f64();
    let output = process.wait_with_output().map_err(|error| error.to_string())?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("pouch-seal: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let of = |name: &str| report.get(name).cloned().unwrap_or_default();
    let folder = of("folder").as_str().map(String::from).ok_or_else(|| format!("pouch-seal: {report}"))?;
    fs::remove_dir_all(&folder).map_err(|error| format!("{folder}: {error}"))?;
    Ok(Measured { seconds, sealed: of("sealed_bytes").as_u64().unwrap_or(0), memory })
}

/// `VmHWM` of proc(5), in bytes.
fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

/// What others offer: `tar`, `zstd` on all processors at our level, and then their own encryption.
struct Peers {
    folder: std::path::PathBuf,
    pipelines: Vec<(&'static str, String)>,
}

impl Peers {
    fn create(folder: &Path) -> Result<Self, String> {
        let folder = folder.join("peers");
        let gnupg = folder.join("gnupg");
        fs::create_dir_all(&gnupg).map_err(|error| error.to_string())?;
        fs::set_permissions(&gnupg, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(|e| e.to_string())?;
        let text = |path: &Path| path.display().to_string();
        let (home, key, cert) = (text(&gnupg), text(&folder.join("sq.key")), text(&folder.join("sq.cert")));
        let gpg = ["--homedir", &home, "--batch", "--quiet", "--yes"];
        let make = ["--passphrase", "", "--quick-generate-key", "bench@example.org", "default", "default"];
        run(command("gpg", "TERM").args(gpg).args(make))?;
        run(command("sq", "TERM").args(["key", "generate", "--userid", "bench", "--export", &key]))?;
        run(command("sq", "TERM").args(["key", "extract-cert", "--output", &cert, &key]))?;
        let age = text(&folder.join("age.key"));
        run(command("age-keygen", "TERM").args(["-o", &age]))?;
        let recipient = run(command("age-keygen", "TERM").args(["-y", &age]))?;
        let pipelines = vec![
            ("tar | zstd | gpg -e -s", format!("gpg {} -z 0 -r bench@example.org -s -e", gpg.join(" "))),
            (
                "tar | zstd | sq encrypt",
                format!("sq encrypt --binary --compression none --recipient-cert {cert} --signer-key {key}"),
            ),
            ("tar | zstd | age, unsigned", format!("age -r {}", recipient.trim())),
        ];
        Ok(Peers { folder, pipelines })
    }

    fn seal(&self, data: &Path, last: &str) -> Result<Measured, String> {
        let out = self.folder.join("sealed");
        let script = format!("tar -C {} -cf - . | zstd -q -3 -T0 | {last} >{}", data.display(), out.display());
        let started = Instant::now();
        run(command("bash", "TERM").args(["-o", "pipefail", "-c", &script]))?;
        // Ours is on the disk when it is done.
        File::open(&out).and_then(|file| file.sync_all()).map_err(|error| error.to_string())?;
        let seconds = started.elapsed().as_secs_f64();
        let sealed = fs::metadata(&out).map_err(|error| error.to_string())?.len();
        Ok(Measured { seconds, sealed, memory: None })
    }
}

/// Makes a source of `mebibytes` in several files.
fn make(folder: &Path, mebibytes: u64, registry: Option<Registry>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..FILES {
        let mut file = BufWriter::new(File::create(folder.join(number.to_string()))?);
        let bytes = (mebibytes << 20) / FILES;
        match registry {
            None => drop(io::copy(&mut File::open("/dev/urandom")?.take(bytes), &mut file)?),
            Some(registry) => fill(registry, number, bytes, &mut file)?,
        }
        file.flush()?;
    }
    Ok(())
}

/// The head of a registry's script, as long as asked for.
fn fill(registry: Registry, seed: u64, bytes: u64, file: &mut dyn Write) -> io::Result<()> {
    struct Head<'a>(&'a mut dyn Write, u64);
    impl Write for Head<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let take = usize::try_from(self.1).unwrap_or(usize::MAX).min(bytes.len());
            self.0.write_all(bytes.get(..take).unwrap_or(bytes))?;
            self.1 = self.1.saturating_sub(u64::try_from(take).unwrap_or(u64::MAX));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    // Twice as much as needed, the rest is thrown away.
    registry.write(seed, bytes / 500_000 + 1, &mut Head(file, bytes))
}

fn say(text: &str) {
    // Where nobody listens there is nothing to do about it.
    let _ = writeln!(io::stdout().lock(), "{text}");
}
