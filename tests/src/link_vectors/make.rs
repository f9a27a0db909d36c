//! Makes the vectors of the link: no chance in it, so that they come out the same every time.

use std::fs;
use std::path::Path;

use super::{announcements, codes, datagrams, read, streams};
use crate::vectors::{Result, Vector};

/// Every vector.
///
/// # Errors
/// One that could not be made.
pub fn all() -> Result<Vec<Vector>> {
    let mut vectors = datagrams::all()?;
    vectors.extend(announcements::all()?);
    vectors.extend(streams::all()?);
    vectors.extend(codes::all());
    Ok(vectors)
}

/// Writes the vectors that a folder lacks; says how many.
///
/// # Errors
/// The disk fails, or one is not judged as it should be.
pub fn write(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for vector in all()? {
        let place = folder.join(&vector.name);
        if !place.exists() {
            fs::write(place, vector.encode())?;
            count += 1;
        }
    }
    Ok(count)
}

/// The vector with what the readers find in it, where that is more than a verdict.
pub(super) fn with_facts(mut vector: Vector) -> Result<Vector> {
    for (key, value) in read::judge(&vector)?.facts {
        vector = vector.with(key, value);
    }
    Ok(vector)
}
