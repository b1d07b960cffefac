//! Serving: Arrow Flight SQL over gRPC, an adapter over [`crate::engine`]; and, where asked for,
//! what there is to watch ([`Metrics`]).
//!
//! ```text
//! client -> sign_in (who asks) -> flight_sql (dispatch) -> engine: plan for that principal on the
//!           latest release -> handle -> engine: execute -> wire types -> Arrow stream
//! ```
//!
//! Architecture invariant: adapters plan nothing. A statement is planned once, when its schema is
//! promised; what the client fetches afterwards is that plan, on that release.
//!
//! There is one user, behind a password where one is set. Where other machines can reach the
//! address, the server wants TLS and a password.

mod admission;
mod connection;
mod flight_sql;
mod handles;
mod listen;
mod metrics;
mod sign_in;
mod status;
mod threads;
mod tls;

pub use listen::Server;
pub use metrics::Metrics;
pub use sign_in::Password;
pub use tls::TlsFiles;

use crate::engine::Engine;
use crate::error::Result;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Reads bytes as every message that a client may send, as the server does, and forgets them: for
/// fuzzers and tests, which see to it that no bytes break the decoders.
pub fn understand_messages(bytes: &[u8]) {
    flight_sql::understand::messages(bytes);
}

/// Reads bytes as a stream of Arrow data, messages of Flight each after its length in four bytes,
/// and gives how many rows came: for fuzzers and tests.
pub fn understand_arrow_data(bytes: &[u8]) -> usize {
    flight_sql::understand::arrow_data(bytes)
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The certificate to speak TLS with; without one, plain text.
    pub tls: Option<TlsFiles>,
    /// What clients must know; without one, everybody who can connect is let in.
    pub password: Option<Password>,
    /// Whether other machines may connect even without TLS or without a password.
    pub insecure: bool,
    /// Threads that queries run on.
    pub threads: usize,
    /// Queries that run at once.
    pub max_queries: usize,
    /// Queries that wait for their turn beyond those.
    pub max_waiting_queries: usize,
    /// How long running queries may go on once the server was told to stop.
    pub shutdown_grace: Duration,
    /// How long a question that is polled is worked out without a poll.
    pub poll_patience: Duration,
    /// How often the server looks for a newer release while nobody asks anything.
    pub look_interval: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 31337));
        let shutdown_grace = Duration::from_secs(10);
        let look_interval = Duration::from_secs(10);
        Self {
            address,
            tls: None,
            password: None,
            insecure: false,
            threads: 2,
            max_queries: 8,
            max_waiting_queries: 1000,
            shutdown_grace,
            poll_patience: Duration::from_secs(60),
            look_interval,
        }
    }
}

/// Serves until `shutdown` completes; see [`Server`] for the form that reports the bound address.
///
/// # Errors
/// As [`Server::bind`] and [`Server::run`].
pub async fn serve(
    engine: Engine,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    Server::bind(engine, options).await?.run(shutdown).await
}
