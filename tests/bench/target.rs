//! Promises about figures, and whether they are kept.

use serde_json::{Value, json};

/// One promise about a figure.
pub(crate) struct Target {
    name: String,
    figure: f64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub(crate) fn at_least(name: impl Into<String>, bound: f64, figure: f64) -> Self {
        Self { name: name.into(), figure, bound: Bound::AtLeast(bound) }
    }

    pub(crate) fn at_most(name: impl Into<String>, bound: f64, figure: f64) -> Self {
        Self { name: name.into(), figure, bound: Bound::AtMost(bound) }
    }

    /// Not met either by a figure that is none.
    pub(crate) fn met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.figure >= bound,
            Bound::AtMost(bound) => self.figure <= bound,
        }
    }

    /// The promise, the figure and whether it is kept.
    pub(crate) fn json(&self) -> Value {
        let (word, bound) = self.bound();
        json!({ "name": self.name, "figure": round(self.figure), word.replace(' ', "_"): bound, "met": self.met() })
    }

    fn bound(&self) -> (&'static str, f64) {
        match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        }
    }
}

/// The targets, those that are missed first.
pub(crate) fn targets(targets: &[Target]) -> String {
    let mut text = String::new();
    for met in [false, true] {
        for target in targets.iter().filter(|target| target.met() == met) {
            let (word, bound) = target.bound();
            let outcome = if met { "met" } else { "MISSED" };
            text += &format!("{outcome:<7} {:<58} {:>8.2}   {word} {bound}\n", target.name, target.figure);
        }
    }
    text
}

/// To three digits behind the point.
pub(crate) fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_missed_and_said_first() {
        let all =
            [Target::at_most("a", 1.0, 0.5), Target::at_least("b", 1.0, f64::NAN), Target::at_least("c", 2.0, 1.9)];
        assert_eq!(all.iter().map(Target::met).collect::<Vec<_>>(), [true, false, false]);
        assert!(targets(&all).starts_with("MISSED  b "));
        assert_eq!(all[0].json()["at_most"], 1.0);
    }
}
