//! A restore that is killed leaves no server behind, and runs again from its beginning.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use acceptance::place::{Keys, Place};
use acceptance::postgres::Server;
use acceptance::process::{is_root, run};

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "no {what} after a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The scratch server's number, as soon as there is one.
fn scratch_server(restored: &Path) -> Option<String> {
    let trees = fs::read_dir(restored).ok()?;
    let file = trees.flatten().map(|tree| tree.path().join("data/postmaster.pid")).find(|path| path.exists())?;
    fs::read_to_string(file).ok()?.lines().next().map(str::to_owned)
}

fn is_gone(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "))
}

fn stage() -> (tempfile::TempDir, Place, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    fs::create_dir(place.path("run")).unwrap();
    for path in [folder.path().to_owned(), place.path("home"), place.path("embassy"), place.path("run")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).unwrap();
    }
    if is_root() {
        let config = place.path("embassy/import.toml");
        let text = fs::read_to_string(&config).unwrap() + "\n[restore]\nrun_as = \"postgres\"\n";
        fs::write(config, text).unwrap();
    }
    let restored = place.path("embassy/root/restored/land");
    (folder, place, restored)
}

#[test]
fn a_killed_restore_leaves_no_server_and_runs_again() {
    let (_folder, place, restored) = stage();
    let server = Server::create(&place.path("home/land"), &place.path("run/land")).unwrap();
    server.load(|out| writeln!(out, "CREATE TABLE parcel AS SELECT generate_series(1, 1000) id;")).unwrap();
    place.add_registry("land", &format!("source = \"postgresql\"\nconninfo = \"{}\"", server.conninfo()), "").unwrap();
    run(place.seal().unwrap().args(["seal", "land"])).unwrap();
    server.stop().unwrap();
    let digest = place.digest("land-000001").unwrap();
    run(place.import().unwrap().args(["import", "--first", &digest]).arg(place.spooled("land-000001"))).unwrap();

    for _ in 0..2 {
        let mut child = place.import().unwrap().args(["-q", "restore", "land"]).spawn().unwrap();
        let pid = wait_for("scratch server", || scratch_server(&restored));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("end of the scratch server", || is_gone(&pid).then_some(()));
        assert!(!restored.join("current").exists(), "nothing is current that was not proven");
    }
    let report = run(place.import().unwrap().args(["--format", "json", "restore", "land"])).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["postgresql"]["rows"]["rows"], 1000);
    assert!(restored.join("current/data/PG_VERSION").exists());
}
