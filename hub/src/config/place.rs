//! Where the file is, and where the data goes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Mistake;
use super::read::Environment;

/// Bounds the file; the shipped one has a few kilobytes.
const MAX_FILE: u64 = 256 * 1024;

/// Chooses the file: the flag, `KAIROS_CONFIG`, `./config.yaml` if it is there, or none.
pub(super) fn config_file(path: Option<&Path>, env: &Environment) -> Option<PathBuf> {
    let named = path.map(Path::to_owned);
    let named = named.or_else(|| env.get("KAIROS_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
    named.or_else(|| Some(PathBuf::from("config.yaml")).filter(|path| path.is_file()))
}

/// Reads the file, whatever is really at that path.
pub(super) fn read_text(path: &Path) -> Result<String, Mistake> {
    let mistake = |line, message: String| Mistake { line, column: None, key: path.display().to_string(), message };
    let mut bytes = Vec::new();
    open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| mistake(None, format!("the configuration file cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(mistake(None, format!("the configuration file is larger than {} KiB", MAX_FILE / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        mistake(Some(line), "the configuration file is not valid UTF-8 here".to_owned())
    })
}

/// Opens a regular file only: a pipe would never end, and a device is nobody's configuration.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path)
}

/// Chooses the data directory. The rule is written beside `store.data_dir` in `config.yaml`.
pub(super) fn data_dir(set: Option<&Path>, env: &Environment) -> PathBuf {
    let variable = |name| env.get(name).filter(|value| !value.is_empty());
    let chosen = if let Some(set) = set {
        set.to_owned()
    } else if let Some(directories) = variable("STATE_DIRECTORY") {
        // systemd makes it, and separates several by colons.
        PathBuf::from(directories.split(':').next().unwrap_or(directories))
    } else if Path::new("kairos-data").is_dir() || current_dir_is_ours() {
        PathBuf::from("kairos-data")
    } else if let Some(state) = variable("XDG_STATE_HOME") {
        Path::new(state).join("kairos-hub")
    } else if let Some(home) = variable("HOME") {
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
        Path::new(home).join(below).join("kairos-hub")
    } else {
        PathBuf::from("/var/lib/kairos-hub")
    };
    std::path::absolute(&chosen).unwrap_or(chosen)
}

/// Tells whether a new folder may be made in the current directory. The root directory is where services start,
/// not a place that somebody chose.
fn current_dir_is_ours() -> bool {
    let Ok(current) = std::env::current_dir() else {
        return false;
    };
    if current.parent().is_none() {
        return false;
    }
    // Permission bits do not tell about read-only mounts, access lists or root: trying does.
    let probe = current.join(format!(".kairos-hub-{}", std::process::id()));
    std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok()
}
