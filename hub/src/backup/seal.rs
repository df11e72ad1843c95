//! The seal: one line behind the database that says whose backup this is, and the SHA-256 of all that stands before.
//!
//! A database whose pages hang together can still hold a flipped letter in a note. The seal covers every byte, travels
//! with the file, and no reader of SQLite minds it: how long a database is stands in its own header.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::fault::{Fault, Stop};

const MARK: &str = "\nkairos-backup 1 ";
/// Mark, hub (36), a space, digest (64), end of line.
const LENGTH: usize = MARK.len() + 36 + 1 + 64 + 1;
const CHUNK: usize = 256 * 1024;

/// What the last line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The hub that made the backup.
    pub(crate) hub_id: String,
    digest: String,
}

/// A file's outside: how long the database in it is, and its seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) length: u64,
    pub(crate) seal: Option<Seal>,
}

/// Looks at the end of a file.
pub(crate) fn outside(file: &mut File) -> io::Result<Outside> {
    let length = file.metadata()?.len();
    let unsealed = Outside { length, seal: None };
    let Some(body) = length.checked_sub(LENGTH as u64) else { return Ok(unsealed) };
    file.seek(SeekFrom::Start(body))?;
    let mut line = [0; LENGTH];
    file.read_exact(&mut line)?;
    Ok(read(&line).map_or(unsealed, |seal| Outside { length: body, seal: Some(seal) }))
}

fn read(line: &[u8]) -> Option<Seal> {
    let line = std::str::from_utf8(line).ok()?;
    let (hub_id, digest) = line.strip_prefix(MARK)?.strip_suffix('\n')?.split_once(' ')?;
    let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (hub_id.len() == 36 && digest.len() == 64 && hexadecimal(hub_id) && hexadecimal(digest))
        .then(|| Seal { hub_id: hub_id.to_owned(), digest: digest.to_owned() })
}

impl Seal {
    /// Whether bytes with this digest are what was sealed.
    pub(crate) fn covers(&self, digest: &str) -> bool {
        self.digest == digest
    }
}

/// Reads the first `length` bytes of a file, hands them on, and gives their digest.
pub(crate) fn digest(file: &mut File, length: u64, into: &mut dyn Write, stop: &Stop) -> Result<String, Reading> {
    file.seek(SeekFrom::Start(0)).map_err(Reading::From)?;
    let mut source = file.take(length);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        stop.check().map_err(Reading::Stop)?;
        let read = source.read(&mut chunk).map_err(Reading::From)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        into.write_all(bytes).map_err(Reading::Into)?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Why a file could not be read through.
pub(crate) enum Reading {
    /// The file itself.
    From(io::Error),
    /// Where its bytes were to go.
    Into(io::Error),
    /// The hub is stopping.
    Stop(Fault),
}

impl Reading {
    /// As a sentence about the one file or the other.
    pub(crate) fn fault(self, from: &Path, into: &Path) -> Fault {
        match self {
            Self::From(error) => Fault::io(from, &error),
            Self::Into(error) => Fault::io(into, &error),
            Self::Stop(fault) => fault,
        }
    }
}

/// Seals a finished database and brings it to the disk.
pub(crate) fn set(path: &Path, hub_id: &str, stop: &Stop) -> Result<(), Fault> {
    let io = |error: io::Error| Fault::io(path, &error);
    let mut file = File::options().read(true).write(true).open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let digest = digest(&mut file, length, &mut io::sink(), stop).map_err(|error| error.fault(path, path))?;
    file.seek(SeekFrom::Start(length)).map_err(io)?;
    file.write_all(format!("{MARK}{hub_id} {digest}\n").as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)
}

/// Whether a file still is, byte for byte, what was sealed; `None`: it has no seal.
pub(crate) fn holds(path: &Path, stop: &Stop) -> Result<Option<bool>, Fault> {
    let mut file = File::open(path).map_err(|error| Fault::io(path, &error))?;
    let outside = outside(&mut file).map_err(|error| Fault::io(path, &error))?;
    let Some(seal) = outside.seal else { return Ok(None) };
    let digest = digest(&mut file, outside.length, &mut io::sink(), stop).map_err(|error| error.fault(path, path))?;
    Ok(Some(seal.covers(&digest)))
}
