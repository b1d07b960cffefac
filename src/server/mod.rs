//! Serving: Arrow Flight SQL over gRPC, an adapter over [`crate::engine`].
//!
//! ```text
//! client -> sign_in (who asks) -> flight_sql (dispatch) -> engine: plan for that principal on the
//!           latest release -> handle -> engine: execute -> wire types -> Arrow stream
//! ```
//!
//! Architecture invariant: adapters plan nothing. A statement is planned once, when its schema is
//! promised; what the client fetches afterwards is that plan, on that release.
//!
//! There is no TLS and no user directory yet, so the server serves the machine's own user and
//! refuses to listen on an address that other machines can reach.

mod flight_sql;
mod listen;
mod sign_in;
mod status;

pub use listen::Server;

use crate::engine::Engine;
use crate::error::Result;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen, a loopback address; port 0 takes a free one.
    pub address: SocketAddr,
    /// How long running queries may go on once the server was told to stop.
    pub shutdown_grace: Duration,
    /// How often the server looks for a newer release while nobody asks anything.
    pub look_interval: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 31337));
        let shutdown_grace = Duration::from_secs(10);
        Self { address, shutdown_grace, look_interval: Duration::from_secs(10) }
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
