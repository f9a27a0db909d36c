//! A sealed pouch on its way from the spool at home into the vault of the embassy.

use crate::{done, step};
use acceptance::place::Place;
use acceptance::process::run;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// A sealed pouch on its way.
pub(crate) struct Pouch {
    /// Its id.
    pub(crate) name: String,
    /// SHA-256 of its manifest, as the dispatch note says it.
    pub(crate) digest: String,
    /// Where it lies in the spool at home.
    pub(crate) folder: PathBuf,
    /// The file in which it came to the embassy.
    pub(crate) arrived: PathBuf,
}

impl Pouch {
    fn command(&self, place: &Place) -> Result<Command, String> {
        let mut import = place.import()?;
        import.args(["import", "--first", &self.digest]).arg(&self.arrived);
        Ok(import)
    }

    /// Verified and admitted as the first of its registry.
    pub(crate) fn import(&self, place: &Place) -> Result<(), String> {
        step(&self.name, "verified and admitted", || run(&mut self.command(place)?))?;
        Ok(())
    }

    /// The same pouch once more must be refused.
    pub(crate) fn import_again(&self, place: &Place) -> Result<(), String> {
        let started = Instant::now();
        match run(&mut self.command(place)?) {
            Ok(_) => Err(format!("{} was admitted twice", self.name)),
            Err(said) if said.contains("error[IMPORT-REPLAY]") => {
                done(&self.name, "once more: refused by rule IMPORT-REPLAY", started);
                Ok(())
            }
            Err(said) => Err(said),
        }
    }
}

/// What a command reports in JSON.
pub(crate) struct Report(Value);

impl Report {
    pub(crate) fn of(mut command: Command, arguments: &[&str]) -> Result<Self, String> {
        let text = run(command.args(["--format", "json"]).args(arguments))?;
        serde_json::from_str(&text).map(Report).map_err(|error| format!("{arguments:?} reports no JSON: {error}"))
    }

    pub(crate) fn text(&self, pointer: &str) -> Result<String, String> {
        let text = self.0.pointer(pointer).and_then(Value::as_str);
        text.map(String::from).ok_or_else(|| format!("no {pointer} in {}", self.0))
    }

    pub(crate) fn number(&self, pointer: &str) -> Result<u64, String> {
        self.0.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| format!("no {pointer} in {}", self.0))
    }
}
