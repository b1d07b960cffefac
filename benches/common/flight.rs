//! The real server, asked over Flight SQL by arrow-flight's own client.

use super::{Args, Outcome, process};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::sync::Mutex;
use tonic::transport::Channel;

/// A connection.
pub(crate) type Client = FlightSqlServiceClient<Channel>;

/// A server; it ends with this.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

/// A server and a connection to it.
pub(crate) struct Served {
    server: Server,
    client: Mutex<Client>,
}

impl Server {
    /// Serves a project on a free port, with room for answers that are asked again; 0 keeps none.
    pub(crate) fn start(dir: &Path, args: &Args, result_cache: &str) -> Outcome<Self> {
        let mut child = args
            .limits(&mut Command::new(env!("CARGO_BIN_EXE_starhouse")))
            .args(["serve", "--no-schedules", "--address", "127.0.0.1:0", "--project"])
            .arg(dir)
            .env("STARHOUSE_RESULT_CACHE", result_cache)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(output).lines();
        let address = loop {
            let line = lines.next().ok_or("the server ended before it listened")??;
            if let Some((_, rest)) = line.split_once("serving Flight SQL on grpc://") {
                break rest.split(';').next().unwrap_or(rest).to_owned();
            }
        };
        // Read to the end, so that the server never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address })
    }

    /// The most memory it has held.
    pub(crate) fn peak(&self) -> u64 {
        process::peak(&self.child)
    }

    /// Ends it politely: it writes its log to the end.
    #[allow(dead_code, reason = "not every benchmark reads the log")]
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let ended = self.child.wait()?;
        match asked.success() && ended.success() {
            true => Ok(()),
            false => Err(format!("the server did not end in order: {ended}").into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connects to a server.
pub(crate) async fn connect(address: &str) -> Outcome<Client> {
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    Ok(FlightSqlServiceClient::new(channel))
}

/// Asks, and takes in the whole answer.
pub(crate) async fn ask(client: &mut Client, sql: &str) -> Outcome<Vec<RecordBatch>> {
    let info = client.execute(sql.to_owned(), None).await?;
    let mut batches = Vec::new();
    for endpoint in info.endpoint {
        let ticket = endpoint.ticket.ok_or("an endpoint without a ticket")?;
        batches.extend(client.do_get(ticket).await?.try_collect::<Vec<_>>().await?);
    }
    Ok(batches)
}

impl Served {
    /// Serves a project, without a memory for answers, and connects.
    pub(crate) async fn start(dir: &Path, args: &Args) -> Outcome<Self> {
        let server = Server::start(dir, args, "0")?;
        let client = connect(&server.address).await?;
        Ok(Self { server, client: Mutex::new(client) })
    }

    /// Asks, and takes in the whole answer.
    pub(crate) async fn ask(&self, sql: &str) -> Outcome<Vec<RecordBatch>> {
        let mut client = self.client.lock().await;
        ask(&mut client, sql).await
    }

    /// The most memory the server has held.
    pub(crate) fn peak(&self) -> u64 {
        self.server.peak()
    }
}
