//! Builds the web app and writes the table that `embed/lib.rs` includes.
//!
//! - By default: copies the sources to `OUT_DIR`, runs `npm ci` there when the lock file changed, and `vite build`.
//!   Nothing is written beside the sources.
//! - `KAIROS_WEB_DIST=dir`: embeds a finished build (cross builds, packagers).
//! - `KAIROS_SKIP_WEB=1`: embeds a page that says that the app was left out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

/// Everything the build reads. A change in one of them, and only that, builds again.
const SOURCES: &[&str] = &[
    ".npmrc",
    "index.html",
    "mirror.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "tsconfig.json",
    "vite",
    "vite.config.ts",
];

/// What the app shares with every other that syncs with a hub: the tables, and how to ask it. Copied beside the sources, so
/// that it lies there as it does in the repository.
const PUBLISHED: &str = "../docs/sync";

/// A gzipped copy is kept when it saves at least a tenth.
const WORTH: usize = 10;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let sources = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed=KAIROS_WEB_DIST");
    println!("cargo::rerun-if-env-changed=KAIROS_SKIP_WEB");
    println!("cargo::rerun-if-changed=embed/build.rs");

    let dist = if env::var("KAIROS_SKIP_WEB").is_ok_and(|value| !value.is_empty() && value != "0") {
        left_out(&out)?
    } else if let Some(finished) = env::var_os("KAIROS_WEB_DIST").filter(|dir| !dir.is_empty()) {
        finished_build(&sources, &PathBuf::from(finished))?
    } else {
        for name in SOURCES.iter().chain([&PUBLISHED]) {
            println!("cargo::rerun-if-changed={name}");
        }
        vite(&sources, &out)?
    };
    write_table(&dist, &out)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: run this through cargo"))
}

/// Adds what was being done to an I/O error.
fn while_doing<T>(what: impl std::fmt::Display, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

// ---- where the files come from

/// One page in place of the app.
fn left_out(out: &Path) -> Result<PathBuf, String> {
    let dist = out.join("left-out");
    while_doing("making a folder for the placeholder", fs::create_dir_all(&dist))?;
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Kairos Hub</title>\
        <h1>Kairos Hub is running</h1><p>This build left the web app out (KAIROS_SKIP_WEB). The API, MQTT and devices work.\n";
    for name in ["index.html", "mirror.html"] {
        while_doing("writing the placeholder", fs::write(dist.join(name), page))?;
    }
    Ok(dist)
}

fn finished_build(sources: &Path, dir: &Path) -> Result<PathBuf, String> {
    // A relative path means the workspace's root, where cargo is usually run.
    let dir = if dir.is_absolute() { dir.to_path_buf() } else { sources.join("..").join(dir) };
    println!("cargo::rerun-if-changed={}", dir.display());
    for name in ["index.html", "mirror.html"] {
        if !dir.join(name).is_file() {
            return Err(format!(
                "KAIROS_WEB_DIST: there is no {name} in {}; it should be the folder that `npm run build` made",
                dir.display()
            ));
        }
    }
    Ok(dir)
}

/// Copies the sources, installs what the lock file names when it changed, and builds.
fn vite(sources: &Path, out: &Path) -> Result<PathBuf, String> {
    let work = out.join("web");
    let dist = out.join("dist");
    // Sources that went away must not be built again; node_modules stays.
    for name in SOURCES.iter().chain([&PUBLISHED]) {
        let copy = work.join(name);
        if copy.is_dir() {
            while_doing("clearing the copy of the sources", fs::remove_dir_all(&copy))?;
        }
        while_doing(format_args!("copying web/{name}"), copy_all(&sources.join(name), &copy))?;
    }
    let lock = while_doing("reading web/package-lock.json", fs::read(work.join("package-lock.json")))?;
    let stamp = hex(&Sha256::digest(&lock));
    let stamp_file = work.join("installed");
    if !work.join("node_modules").is_dir()
        || fs::read_to_string(&stamp_file).is_ok_and(|old| old != stamp)
        || !stamp_file.is_file()
    {
        // Vite and Lit only: what tests need is left out.
        npm(&work, &["ci", "--omit=dev", "--no-audit", "--no-fund"])?;
        while_doing("noting what is installed", fs::write(&stamp_file, &stamp))?;
    }
    let dist_argument = dist.to_string_lossy();
    npm(
        &work,
        &[
            "exec",
            "--offline",
            "--",
            "vite",
            "build",
            "--logLevel",
            "warn",
            "--emptyOutDir",
            "--outDir",
            &dist_argument,
        ],
    )?;
    Ok(dist)
}

fn npm(work: &Path, arguments: &[&str]) -> Result<(), String> {
    const WAYS_OUT: &str = "Two ways out: KAIROS_SKIP_WEB=1 builds the hub without its web app; \
        KAIROS_WEB_DIST=<folder> embeds a build made elsewhere with `npm ci && npm run build` in web/";
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = match Command::new(program).args(arguments).current_dir(work).env("NO_COLOR", "1").output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("the web app needs Node.js 20 or newer with npm, and npm was not found\n{WAYS_OUT}"));
        }
        Err(error) => return Err(format!("npm could not be started: {error}\n{WAYS_OUT}")),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("`npm {}` did not work ({})\n{}\n{WAYS_OUT}", arguments.join(" "), output.status, said.trim()))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

// ---- the table

fn write_table(dist: &Path, out: &Path) -> Result<(), String> {
    let mut paths = Vec::new();
    while_doing(format_args!("reading {}", dist.display()), list(dist, "", &mut paths))?;
    // The order `get` searches by.
    paths.sort_unstable();
    let place =
        |name: &str| paths.iter().position(|path| path == name).ok_or_else(|| format!("the web build holds no {name}"));
    let mut table = String::from("/// Every embedded file, ordered by path.\nstatic ASSETS: &[Asset] = &[\n");
    let gzipped = out.join("gzip");
    let _ = fs::remove_dir_all(&gzipped);
    while_doing("making a folder for gzipped files", fs::create_dir_all(&gzipped))?;
    for (number, path) in paths.iter().enumerate() {
        let file = dist.join(path);
        let bytes = while_doing(format_args!("reading {}", file.display()), fs::read(&file))?;
        let gzip = match gzip(&bytes).filter(|small| small.len() < bytes.len() - bytes.len() / WORTH) {
            Some(small) => {
                let at = gzipped.join(number.to_string());
                while_doing("writing a gzipped file", fs::write(&at, small))?;
                format!("Some(include_bytes!({:?}))", at.to_string_lossy())
            }
            None => "None".to_owned(),
        };
        let _ = writeln!(
            table,
            "    Asset {{ path: {path:?}, bytes: include_bytes!({:?}), gzip: {gzip}, content_type: {:?}, etag: {:?}, immutable: {} }},",
            file.to_string_lossy(),
            content_type(path),
            format!("\"{}\"", hex(&Sha256::digest(&bytes))),
            path.starts_with("assets/"),
        );
    }
    let _ = write!(
        table,
        "];\n/// Where the phone app's page is.\nconst INDEX: usize = {};\n/// Where the mirror's page is.\nconst MIRROR: usize = {};\n",
        place("index.html")?,
        place("mirror.html")?,
    );
    while_doing("writing the table", fs::write(out.join("assets.rs"), table))
}

/// Lists the files below `dir` with forward slashes; names with a leading dot (Vite's manifest) are the build's own.
fn list(dir: &Path, prefix: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{path}/"), paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
