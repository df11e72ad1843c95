//! Sockets: binding, admission, the accept loop and TLS. Nothing here knows MQTT or HTTP.
//!
//! Reading order: [`bind`] turns addresses into listeners before anything is served, [`accept::serve`] takes
//! connections from one listener, [`limits::Admission`] decides who may come in, [`stream`] keeps that up while they
//! stay, [`descriptors`] tells how many there may be, [`tls`] keeps the certificate.

pub mod accept;
pub mod descriptors;
pub mod limits;
pub mod stream;
pub mod tls;

use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

pub use accept::serve;
pub use limits::{Admission, Limits, Permit, network};
pub use stream::{Admitted, Slot};

/// Why a socket could not be bound, as one sentence for the person who starts the hub.
#[derive(Debug, thiserror::Error)]
#[error("{}", sentence(*.address, .source))]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the operating system answered.
    #[source]
    pub source: std::io::Error,
}

fn sentence(address: SocketAddr, source: &std::io::Error) -> String {
    match source.kind() {
        ErrorKind::AddrInUse => {
            format!("Port {} on {} is already in use by another program.", address.port(), address.ip())
        }
        ErrorKind::PermissionDenied => format!(
            "This user may not listen on port {} of {}; ports below 1024 need extra rights.",
            address.port(),
            address.ip()
        ),
        ErrorKind::AddrNotAvailable => {
            format!("The address {} does not belong to this machine.", address.ip())
        }
        _ => format!("Cannot listen on {address}: {}.", crate::files::in_words(source)),
    }
}

/// Binds `address`; port 0 lets the system choose.
///
/// # Errors
///
/// Says in one sentence why the address cannot be used.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_in_one_sentence() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Port {} on 127.0.0.1 is already in use by another program.", address.port())
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let error = bind("192.0.2.1:0".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "The address 192.0.2.1 does not belong to this machine.");
    }
}
