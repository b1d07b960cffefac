//! Connections: accepted, with TLS where there is a certificate, and numbered.

use super::tls::Tls;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// How long a client may take to say its first word, and to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients agreeing on TLS at once; the next wait.
const MAX_HANDSHAKES: usize = 256;
/// After an error of the socket (too many open files, say), before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection's number; none is given twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionId(pub(super) u64);

/// A client's connection.
pub(super) struct Connection {
    id: ConnectionId,
    transport: Transport,
    /// Told when it is closed.
    closed: UnboundedSender<ConnectionId>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Nobody listens any more where the server is on its way down.
        let _ = self.closed.send(self.id);
    }
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections that come in on a socket, as they are ready; for ever. Of each it is told when it
/// is closed.
pub(super) fn incoming(
    listener: TcpListener,
    tls: Option<Tls>,
    closed: UnboundedSender<ConnectionId>,
) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(64);
    tokio::spawn(async move {
        let numbers = AtomicU64::new(0);
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        // The server is gone when nobody takes connections any more.
        while !ready.is_closed() {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            // Small answers go out at once; where that cannot be said they merely come later.
            let _ = stream.set_nodelay(true);
            let id = ConnectionId(numbers.fetch_add(1, Ordering::Relaxed));
            let (tls, handshakes) = (tls.clone(), Arc::clone(&handshakes));
            let client = Arriving { id, stream, tls, handshakes, closed: closed.clone() };
            let ready = ready.clone();
            // Beside all others: who says nothing holds up nobody.
            tokio::spawn(async move {
                match client.ready().await {
                    Ok(connection) => drop(ready.send(Ok(connection)).await),
                    Err(error) => tracing::debug!(%error, "a client did not begin to speak"),
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

/// A connection that was accepted; its client has said nothing yet.
struct Arriving {
    id: ConnectionId,
    stream: TcpStream,
    tls: Option<Tls>,
    handshakes: Arc<Semaphore>,
    closed: UnboundedSender<ConnectionId>,
}

impl Arriving {
    /// Waits for the client's first word and agrees on TLS, where that is spoken.
    async fn ready(self) -> io::Result<Connection> {
        let Self { id, stream, tls, handshakes, closed } = self;
        // A socket counts as readable until something is tried to be read.
        timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut [0])).await??;
        let transport = match tls {
            None => Transport::Plain(stream),
            Some(tls) => {
                let _turn = handshakes.acquire().await.map_err(io::Error::other)?;
                let agreed = timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream)).await??;
                Transport::Tls(Box::new(agreed))
            }
        };
        Ok(Connection { id, transport, closed })
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionId;

    fn connect_info(&self) -> ConnectionId {
        self.id
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
