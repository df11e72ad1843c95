//! A fixed address in front of a hub whose port changes at every start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes connections on until dropped; established ones end with the hub.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    target: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port and passes on to `target`.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(target));
        let to = Arc::clone(&target);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let port = to.load(Ordering::Relaxed);
                open.spawn(async move {
                    // Nobody there: the peer sees its connection closed.
                    if let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self { port, target, task }
    }

    /// Passes new connections on to another port.
    pub fn point_to(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
