//! The socket, the HTTP/2 limits and the way down.

use super::ServerOptions;
use super::connection::{ConnectionId, incoming};
use super::flight_sql::{FlightSql, Sessions};
use super::tls::Tls;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Principal;
use arrow_flight::flight_service_server::FlightServiceServer;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Calls at once on one connection; tonic's own default is no limit.
const MAX_CONCURRENT_STREAMS: u32 = 128;
/// Bytes of one message from a client: a statement, or a batch of parameters.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// A silent client is asked for a sign of life after the interval, and dropped after the timeout.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams that clients opened and reset before they were accepted (a denial-of-service pattern).
const MAX_PENDING_RESETS: usize = 64;

/// A server that has its socket but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    service: FlightSql,
    shutdown_grace: Duration,
    engine: Engine,
    look_interval: Duration,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// Usage where other machines could reach the address and are not kept out, user where the
    /// TLS files are not right, unavailable where the address is taken.
    pub async fn bind(engine: Engine, options: ServerOptions) -> Result<Self> {
        let wanted = options.address;
        if !options.insecure {
            guarded(wanted, options.tls.is_some(), options.password.is_some())?;
        }
        let tls = options.tls.as_ref().map(Tls::read).transpose()?;
        let unavailable = |error: std::io::Error| {
            Error::new(ErrorKind::Unavailable, "cannot listen")
                .with("address", wanted)
                .caused_by(error)
                .hint("choose another port with --address, or port 0 for any that is free")
        };
        let listener = TcpListener::bind(wanted).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        let service = FlightSql::new(engine.clone(), &options)?;
        let ServerOptions { shutdown_grace, look_interval, .. } = options;
        Ok(Self { listener, address, tls, service, shutdown_grace, engine, look_interval })
    }

    /// The address taken, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect, as a URI.
    pub fn uri(&self) -> String {
        let scheme = if self.tls.is_some() { "grpc+tls" } else { "grpc" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `shutdown` completes, then lets running queries end within the grace period.
    ///
    /// # Errors
    /// Unavailable where the socket fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let sessions = self.service.sessions();
        let service = FlightServiceServer::new(self.service)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(usize::MAX);
        let (stop, stopped) = oneshot::channel::<()>();
        let (closed, gone) = mpsc::unbounded_channel();
        let incoming = incoming(self.listener, self.tls, closed);
        let serving =
            builder().add_service(service).serve_with_incoming_shutdown(incoming, async {
                // A dropped sender means the same: nobody is left to serve for.
                let _ = stopped.await;
            });
        let way_down = async {
            shutdown.await;
            // The receiver is gone only if serving has ended by itself.
            let _ = stop.send(());
            tokio::time::sleep(self.shutdown_grace).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(|error| {
                Error::new(ErrorKind::Unavailable, "the server failed")
                    .with("address", self.address)
                    .caused_by(error)
            }),
            () = way_down => {
                tracing::warn!("connections still open after the grace period were closed");
                Ok(())
            }
            () = follow(self.engine, self.look_interval) => Ok(()),
            () = forget(sessions, gone) => Ok(()),
        }
    }
}

/// Forgets the sessions of connections that are closed, for ever.
async fn forget(sessions: Arc<Sessions>, mut gone: mpsc::UnboundedReceiver<ConnectionId>) {
    while let Some(connection) = gone.recv().await {
        sessions.forget(connection);
    }
    // No connection is left, nor will there be another: serving is about to end by itself.
    std::future::pending().await
}

/// Moves on to newer releases for ever: a server that nobody asks would keep an old one, and all
/// that came after it, from vacuum; and the first question would wait for the catalog.
async fn follow(engine: Engine, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        match engine.warehouse().latest().await {
            Ok(release) => drop(engine.session(Principal::local(), release)),
            Err(error) => tracing::warn!(%error, "cannot look for a newer release"),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

fn builder() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
}

/// Without TLS and a password only this machine may connect.
fn guarded(address: SocketAddr, tls: bool, password: bool) -> Result<()> {
    let missing = match (tls, password) {
        _ if address.ip().is_loopback() => return Ok(()),
        (true, true) => return Ok(()),
        (true, false) => "a password",
        (false, true) => "TLS",
        (false, false) => "TLS and a password",
    };
    let text =
        format!("refusing to listen on {address} without {missing}: other machines could reach it");
    Err(Error::new(ErrorKind::Usage, text).hint(
        "set tls_certificate, tls_key and password_file, listen on 127.0.0.1 or [::1], or say \
         --insecure where the network itself keeps others out",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_let_in_by_tls_and_password_only() {
        for good in ["127.0.0.1:0", "[::1]:0", "127.0.0.2:5000"] {
            assert!(guarded(good.parse().unwrap(), false, false).is_ok(), "{good}");
        }
        for open in ["0.0.0.0:0", "[::]:31337", "192.0.2.1:31337"] {
            let open = open.parse().unwrap();
            for (tls, password) in [(false, false), (true, false), (false, true)] {
                let error = guarded(open, tls, password).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Usage);
                assert!(error.message().contains("other machines could reach it"), "{error}");
            }
            assert!(guarded(open, true, true).is_ok());
        }
    }
}
