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
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Host and port to listen on; port 0 takes a free one. Must be a loopback address.
    pub address: String,
    /// How long running queries may go on once the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { address: "127.0.0.1:31337".to_owned(), shutdown_grace: Duration::from_secs(10) }
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
