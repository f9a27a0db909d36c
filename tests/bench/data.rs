//! What is measured on: the same bytes on every machine with the same PostgreSQL, made once and kept below `target/bench`.
//!
//! ```text
//! mixed/heap            1 GiB  heap pages of both made-up registries, as a PostgreSQL server wrote them
//! mixed/text          512 MiB  their SQL
//! mixed/incompressible 512 MiB random bytes
//! small                200,000 files of 0 to 4095 bytes of SQL, 500 a folder
//! grow-1, grow-8       1 and 8 GiB: links to mixed/text and mixed/incompressible, and to all of mixed four times
//! ```

use acceptance::postgres::Server;
use acceptance::sample::Registry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
/// Heap, text, and incompressible bytes.
const HEAP: u64 = 1024 * MIB;
const TEXT: u64 = 512 * MIB;
const NOISE: u64 = 512 * MIB;
/// Bytes of one file of text or noise.
const PIECE: u64 = 64 * MIB;
/// Megabytes of each registry that make more than [`HEAP`] bytes of tables; indexes take the rest.
const LOADED: u64 = 1_000;
const SMALL_FILES: u64 = 200_000;
const SMALL_FOLDER: u64 = 500;
const SEED: u64 = 20_261_124;

/// Fills a folder.
type Maker = fn(&Path) -> Result<(), String>;

/// The folders that are measured on.
pub(crate) struct Data {
    root: PathBuf,
}

impl Data {
    /// Makes what is missing below `root`.
    pub(crate) fn make(root: &Path) -> Result<Self, String> {
        let parts: [(&str, Maker); 6] = [
            ("mixed/heap", heap),
            ("mixed/text", text),
            ("mixed/incompressible", noise),
            ("small", small),
            ("grow-1", |folder| link(folder, &["mixed/text", "mixed/incompressible"], 1)),
            ("grow-8", |folder| link(folder, &["mixed/heap", "mixed/text", "mixed/incompressible"], 4)),
        ];
        for (name, make) in parts {
            let folder = root.join(name);
            if !folder.is_dir() {
                crate::say(&format!("making {name}, kept in {}", root.display()));
                // A run that was broken off leaves no half a folder behind under its name.
                let half = root.join("half");
                if half.exists() {
                    fs::remove_dir_all(&half).map_err(|error| format!("{}: {error}", half.display()))?;
                }
                fs::create_dir_all(&half).map_err(|error| format!("{}: {error}", half.display()))?;
                make(&half)?;
                let rename =
                    fs::create_dir_all(folder.parent().unwrap_or(root)).and_then(|()| fs::rename(&half, &folder));
                rename.map_err(|error| format!("{}: {error}", folder.display()))?;
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    /// One of the folders by its name.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Reads all of a folder, so that each tool finds it in memory, and gives its size in bytes.
    pub(crate) fn warm(&self, name: &str) -> Result<u64, String> {
        let mut size = 0;
        for file in files(&self.folder(name))? {
            let read = File::open(&file).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
            size += read.map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(size)
    }
}

/// Every file below `folder`, in the order of their paths.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(failed)?.collect();
    let mut paths: Vec<_> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The tables of both registries, out of a server that is thrown away.
fn heap(folder: &Path) -> Result<(), String> {
    // PostgreSQL runs as another user and its socket needs a short path: neither is sure below `target`.
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    let cluster = temporary.path().join("cluster");
    let server = Server::create(&cluster, &temporary.path().join("run"))?;
    for registry in Registry::ALL {
        server.load(|out| {
            writeln!(out, "CREATE SCHEMA {0}; SET search_path = {0};", registry.name())?;
            registry.write(SEED, LOADED, out)
        })?;
    }
    let tables = server.query(
        "SELECT pg_relation_filepath(table_of.oid) FROM pg_class AS table_of \
         JOIN pg_namespace AS schema_of ON schema_of.oid = relnamespace \
         WHERE relkind = 'r' AND nspname IN ('land', 'business') ORDER BY nspname, relname",
    )?;
    server.stop()?;

    let mut left = HEAP;
    for table in tables.lines() {
        // A table of more than 1 GiB goes on in files that end in .1, .2 and so on.
        let first = cluster.join(table);
        let more = (1..).map(|number| cluster.join(format!("{table}.{number}"))).take_while(|file| file.is_file());
        for file in std::iter::once(first).chain(more) {
            let name = file.file_name().unwrap_or_default();
            let copied = File::open(&file)
                .and_then(|from| io::copy(&mut from.take(left), &mut File::create(folder.join(name))?))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            left -= copied;
        }
    }
    if left > 0 {
        return Err(format!("the tables are {left} bytes smaller than they should be"));
    }
    Ok(())
}

fn text(folder: &Path) -> Result<(), String> {
    let mut pieces = Pieces { folder, left: TEXT, file: None };
    // More than enough; what is too much is thrown away.
    let result = Registry::ALL
        .into_iter()
        .cycle()
        .zip(SEED..)
        .take(4)
        .try_for_each(|(registry, seed)| registry.write(seed, LOADED, &mut pieces));
    result.map_err(|error| format!("{}: {error}", folder.display()))?;
    if pieces.left > 0 { Err(format!("the text is {} bytes smaller than it should be", pieces.left)) } else { Ok(()) }
}

fn noise(folder: &Path) -> Result<(), String> {
    let mut pieces = Pieces { folder, left: NOISE, file: None };
    let mut dice = Dice(SEED);
    let mut block = Vec::new();
    while pieces.left > 0 {
        block.clear();
        block.extend((0..8192).flat_map(|_| dice.next().to_le_bytes()));
        pieces.write_all(&block).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

fn small(folder: &Path) -> Result<(), String> {
    let mut text = Vec::new();
    Registry::Land.write(SEED, 20, &mut text).map_err(|error| error.to_string())?;
    let mut dice = Dice(SEED);
    let mut make = |number: u64| -> io::Result<()> {
        let folder = folder.join(format!("{:03}", number / SMALL_FOLDER));
        if number.is_multiple_of(SMALL_FOLDER) {
            fs::create_dir(&folder)?;
        }
        let size = dice.below(4096);
        let start = dice.below(text.len() - size);
        fs::write(folder.join(format!("{number:06}.sql")), text.get(start..start + size).unwrap_or_default())
    };
    (0..SMALL_FILES).try_for_each(&mut make).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Links to the files of the folders `from`, `times` over.
fn link(folder: &Path, from: &[&str], times: usize) -> Result<(), String> {
    let root = folder.parent().unwrap_or(folder);
    for time in 0..times {
        let copy = folder.join(time.to_string());
        fs::create_dir_all(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        for (number, file) in
            from.iter().map(|name| files(&root.join(name))).collect::<Result<Vec<_>, _>>()?.concat().iter().enumerate()
        {
            let to = copy.join(number.to_string());
            fs::hard_link(file, &to).map_err(|error| format!("{}: {error}", to.display()))?;
        }
    }
    Ok(())
}

/// Writes files of [`PIECE`] bytes until there is enough; what comes after that goes nowhere.
struct Pieces<'f> {
    folder: &'f Path,
    left: u64,
    file: Option<BufWriter<File>>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(bytes.len());
        }
        let room = match self.left % PIECE {
            0 => {
                self.flush()?;
                let name = format!("{:04}", self.left / PIECE);
                self.file = Some(BufWriter::with_capacity(1 << 20, File::create(self.folder.join(name))?));
                PIECE
            }
            room => room,
        };
        let take = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("no file is open"))?;
        file.write_all(bytes.get(..take).unwrap_or(bytes))?;
        self.left -= u64::try_from(take).unwrap_or(u64::MAX);
        if self.left == 0 {
            self.flush()?;
        }
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, below: usize) -> usize {
        let below = u64::try_from(below.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % below).unwrap_or(0)
    }
}
