//! What became of imported pouches.

use std::path::Path;

use pouch_console::{Exit, Failure, Output, words};
use serde_json::{Value, json};

use super::line;
use crate::commands::take::Taken;

/// One pouch: its receipt, or what would happen.
pub(crate) fn one(path: &Path, taken: &Taken, output: &Output) -> Result<Exit, Failure> {
    output.data(&value(path, taken), || match taken {
        Taken::Kept(receipt) => {
            let mut text = format!("{} is in the vault, verified and sealed\n\n", receipt.pouch);
            text += &line("as of", receipt.as_of);
            text += &line("kept at", receipt.kept_at);
            text += &line("digest", receipt.manifest);
            text + &words(&receipt.words.split_whitespace().collect::<Vec<_>>(), 6)
        }
        Taken::Would(checked) => {
            format!("{} would be admitted; nothing was changed\n\n{}", checked.id(), line("digest", checked.digest()))
        }
    })?;
    Ok(Exit::Done)
}

fn value(path: &Path, taken: &Taken) -> Value {
    // Not the path itself: one that is no UTF-8 cannot be JSON.
    let path = path.display().to_string();
    match taken {
        Taken::Kept(receipt) => json!({
            "source": path, "outcome": "kept", "pouch": receipt.pouch, "manifest_sha256": receipt.manifest,
            "words": receipt.words, "as_of": receipt.as_of, "kept_at": receipt.kept_at,
        }),
        Taken::Would(checked) => json!({
            "source": path, "outcome": "would be kept", "pouch": checked.id().to_string(),
            "manifest_sha256": checked.digest(), "as_of": checked.manifest().as_of,
        }),
    }
}

/// One of several pouches.
pub(crate) struct Row {
    value: Value,
    text: String,
    exit: Exit,
}

impl Row {
    pub(crate) fn new(path: &Path, outcome: Result<Taken, Failure>) -> Self {
        match outcome {
            Ok(taken) => {
                let text = match &taken {
                    Taken::Kept(receipt) => format!("{}: kept, as of {}", receipt.pouch, receipt.as_of),
                    Taken::Would(checked) => format!("{}: would be kept", checked.id()),
                };
                Self { value: value(path, &taken), text, exit: Exit::Done }
            }
            Err(failure) => {
                let mut value = failure.envelope();
                if let Value::Object(fields) = &mut value {
                    fields.insert("source".to_owned(), json!(path.display().to_string()));
                    fields.insert("outcome".to_owned(), json!("not kept"));
                }
                Self { value, text: failure.render(false), exit: failure.exit }
            }
        }
    }
}

/// Several pouches: each has its outcome, and the worst one is the command's.
pub(crate) fn many(rows: &[Row], output: &Output) -> Result<Exit, Failure> {
    let values: Vec<&Value> = rows.iter().map(|row| &row.value).collect();
    output.rows(&values, || rows.iter().map(|row| format!("{}\n", row.text.trim_end())).collect())?;
    Ok(rows.iter().map(|row| row.exit).max().unwrap_or(Exit::Done))
}
