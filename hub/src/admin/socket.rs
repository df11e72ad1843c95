//! The socket through which a running hub is asked: `admin.sock` in the data directory (mode 0600, and only for its own
//! user and root); one request and one answer a connection, each a line of JSON.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::{Refusal, Request, carry_out};
use crate::auth::Auth;
use crate::backup::Backups;
use crate::store::Store;

/// How many requests are served at the same time. Further ones wait in the listener's queue.
const AT_ONCE: usize = 4;
/// How large a request or answer may be. The longest answer lists a few hundred people.
const MAX: u64 = 1 << 20;
/// How long one connection may take; a password may have to wait its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a copy of the database may take.
const COPY: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Refused(Refusal),
}

/// Where the hub of a data directory listens.
#[must_use]
pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// Listens for the command line until dropped. A hub that cannot (a path too long for a socket, say)
/// runs without, and says so.
#[must_use]
pub fn serve(data_dir: &Path, auth: Auth, store: Store, backups: Backups) -> Option<AbortOnDropHandle<()>> {
    match bind(&socket(data_dir)) {
        Ok((listener, owner)) => {
            Some(AbortOnDropHandle::new(tokio::spawn(accept(listener, owner, (auth, store, backups)))))
        }
        Err(error) => {
            tracing::warn!(%error, "Commands such as `user add` will not reach this hub while it runs: there is no admin socket.");
            None
        }
    }
}

fn bind(path: &Path) -> io::Result<(UnixListener, u32)> {
    // The directory's lock is ours: a socket found there is left over.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, std::fs::metadata(path)?.uid()))
}

async fn accept(listener: UnixListener, owner: u32, (auth, store, backups): (Auth, Store, Backups)) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut served = JoinSet::new();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, most likely: others will give some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while served.try_join_next().is_some() {}
        // Between the socket's making and its mode, or through a directory open to all, a stranger may
        // have come in.
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0) {
            continue;
        }
        let (auth, store, backups) = (auth.clone(), store.clone(), backups.clone());
        served.spawn(async move {
            let answering = answer(stream, &auth, &store, (backups, permit));
            let _ = tokio::time::timeout(PATIENCE, answering).await;
        });
    }
}

async fn answer(
    mut stream: UnixStream,
    auth: &Auth,
    store: &Store,
    (backups, permit): (Backups, OwnedSemaphorePermit),
) -> io::Result<()> {
    let answer = match serde_json::from_str::<Request>(&read_line(&mut stream).await?) {
        Ok(request) if request.is_about_backups() => {
            // By itself: this hub may end while it is carried out, and whoever asked still hears how it went.
            tokio::spawn(async move {
                let answer = backups.carry_out(request).await.map_or_else(Answer::Refused, Answer::Done);
                let _ = tokio::time::timeout(PATIENCE, write_line(&mut stream, &answer)).await;
                drop(permit);
            });
            return Ok(());
        }
        Ok(request) if request.is_about_files() => {
            let (auth, store) = (auth.clone(), store.clone());
            tokio::spawn(async move {
                let answer = carry_out(&auth, &store, request).await.map_err(Refusal::from);
                let answer = answer.map_or_else(Answer::Refused, Answer::Done);
                let _ = tokio::time::timeout(PATIENCE, write_line(&mut stream, &answer)).await;
                drop(permit);
            });
            return Ok(());
        }
        Ok(request) => carry_out(auth, store, request).await.map_err(Refusal::from),
        Err(_) => Err(Refusal { usage: true, message: "This hub does not know that request.".into() }),
    };
    write_line(&mut stream, &answer.map_or_else(Answer::Refused, Answer::Done)).await
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    let mut chunk = [0; 4096];
    while !line.contains(&b'\n') {
        let read = stream.read(&mut chunk).await?;
        let too_long = u64::try_from(line.len() + read).unwrap_or(u64::MAX) > MAX;
        if read == 0 || too_long {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
}

async fn write_line(stream: &mut UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Asks the hub that runs on a data directory; `None` when none does.
///
/// # Errors
/// [`Refusal`], for a person.
pub async fn ask(data_dir: &Path, request: &Request) -> Option<Result<Value, Refusal>> {
    let mut stream = match UnixStream::connect(socket(data_dir)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return None;
        }
        Err(error) => return Some(Err(error.into())),
    };
    let talk = async {
        write_line(&mut stream, request).await?;
        read_line(&mut stream).await
    };
    let patience = if request.is_about_backups() || request.is_about_files() { COPY } else { PATIENCE };
    let said = match tokio::time::timeout(patience, talk).await {
        Ok(said) => said,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    Some(match said.map(|said| serde_json::from_str(&said)) {
        Ok(Ok(Answer::Done(value))) => Ok(value),
        Ok(Ok(Answer::Refused(refusal))) => Err(refusal),
        Ok(Err(_)) => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        Err(error) => Err(error.into()),
    })
}

#[cfg(test)]
mod tests;
