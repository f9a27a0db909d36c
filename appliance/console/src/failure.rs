//! The one shape of an error: what happened, with both values; the state things are in; the next step.

use crate::{Exit, escape};
use serde_json::{Map, Value, json};
use std::fmt::Display;

/// Facts share a line of the rendering up to this many columns.
const LINE: usize = 100;

/// Why a command failed, ready to be shown. Built by [`Explain`], shown by [`Output::finish`](crate::Output::finish).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule that refused (e.g. `IMPORT-SEQ`), or else a stable word for the kind of the error (e.g. `CONFIG-KEY`).
    pub id: String,
    /// How the process exits.
    pub exit: Exit,
    /// What happened: lower case, one sentence, both values, no full stop.
    pub message: String,
    /// Names and values that help to find the matter.
    pub facts: Vec<(String, String)>,
    /// The state things are in, and the next step.
    pub hint: Option<String>,
}

/// What an error of a library says to a person. Each verb's error enum implements it, so that no binary words it anew.
pub trait Explain {
    /// The error as id, exit code, message, facts and hint.
    fn explain(&self) -> Failure;
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        error.explain()
    }
}

impl Failure {
    /// A failure without facts and hint. `id` is a rule or a stable upper-case word.
    #[must_use]
    pub fn new(id: impl Display, exit: Exit, message: impl Display) -> Self {
        Failure { id: id.to_string(), exit, message: message.to_string(), facts: Vec::new(), hint: None }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn fact(mut self, name: impl Display, value: impl Display) -> Self {
        self.facts.push((name.to_string(), value.to_string()));
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The rendering for people, escaped, ending with a line feed. With `color`, the first word is red and bold.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let (on, off) = if color { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let mut text = format!("{on}error[{}]{off}: {}\n", escape(&self.id), escape(&self.message));
        let mut line = String::new();
        for (name, value) in &self.facts {
            let fact = format!("{}: {}", escape(name), escape(value));
            let full = line.chars().count() + fact.chars().count() + 3 > LINE;
            if full && !line.is_empty() {
                text.push_str(&format!("  {line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str("   ");
            }
            line.push_str(&fact);
        }
        if !line.is_empty() {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", escape(hint)));
        }
        text
    }

    /// The envelope for scripts: `{"error":{"id":..,"message":..,"facts":{..},"hint":..,"exit":77}}`.
    ///
    /// A fact named twice appears once, with its values in an array.
    #[must_use]
    pub fn envelope(&self) -> Value {
        let mut facts = Map::new();
        for (name, value) in &self.facts {
            let value = Value::from(value.as_str());
            match facts.get_mut(name) {
                None => drop(facts.insert(name.clone(), value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        json!({"error": {
            "id": self.id, "message": self.message, "facts": facts, "hint": self.hint, "exit": self.exit.code(),
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Failure {
        Failure::new("IMPORT-SEQ", Exit::Refused, "pouch 41 of registry \"land\" is not newer than pouch 43")
            .fact("pouch", "land-000041")
            .fact("signer", "F0E1 0C44 (good signature)")
            .hint("nothing was written; ask home for pouch 44 or later")
    }

    #[test]
    fn people_see_what_happened_where_and_what_next() {
        assert_eq!(
            example().render(false),
            "error[IMPORT-SEQ]: pouch 41 of registry \"land\" is not newer than pouch 43\n  \
             pouch: land-000041   signer: F0E1 0C44 (good signature)\n\
             hint: nothing was written; ask home for pouch 44 or later\n"
        );
        assert!(example().render(true).starts_with("\x1b[1;31merror[IMPORT-SEQ]\x1b[0m: pouch 41"));
    }

    #[test]
    fn long_facts_go_on_lines_of_their_own() {
        let failure = Failure::new("X", Exit::Data, "m").fact("a", "1".repeat(60)).fact("b", "2".repeat(60));
        assert_eq!(failure.render(false).lines().count(), 3);
    }

    #[test]
    fn scripts_get_one_envelope() {
        assert_eq!(
            example().fact("pouch", "again").envelope(),
            json!({"error": {
                "id": "IMPORT-SEQ",
                "message": "pouch 41 of registry \"land\" is not newer than pouch 43",
                "facts": {"pouch": ["land-000041", "again"], "signer": "F0E1 0C44 (good signature)"},
                "hint": "nothing was written; ask home for pouch 44 or later",
                "exit": 77,
            }})
        );
    }

    #[test]
    fn no_field_can_act_on_the_terminal() {
        let evil = "\x1b]0;owned\x07\nerror[FAKE]: x\u{202e}";
        let text = Failure::new(evil, Exit::Data, evil).fact(evil, evil).hint(evil).render(false);
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']));
    }
}
