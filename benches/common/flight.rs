//! The real server, asked over Flight SQL by arrow-flight's own client.

use super::{Args, Outcome};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::sync::Mutex;
use tonic::transport::Channel;

/// A server and a connection to it; it ends with this.
pub(crate) struct Served {
    child: Child,
    client: Mutex<FlightSqlServiceClient<Channel>>,
}

impl Served {
    /// Serves a project on a free port.
    pub(crate) async fn start(dir: &Path, args: &Args) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["serve", "--no-schedules", "--address", "127.0.0.1:0", "--project"])
            .arg(dir)
            .env("STARHOUSE_RESULT_CACHE", "0")
            .env("STARHOUSE_THREADS", args.threads.to_string())
            .env("STARHOUSE_MEMORY_LIMIT", format!("{} GiB", args.memory_gib))
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
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        Ok(Self { child, client: Mutex::new(FlightSqlServiceClient::new(channel)) })
    }

    /// Asks, and takes in the whole answer.
    pub(crate) async fn ask(&self, sql: &str) -> Outcome<Vec<RecordBatch>> {
        let mut client = self.client.lock().await;
        let info = client.execute(sql.to_owned(), None).await?;
        let mut batches = Vec::new();
        for endpoint in info.endpoint {
            let ticket = endpoint.ticket.ok_or("an endpoint without a ticket")?;
            batches.extend(client.do_get(ticket).await?.try_collect::<Vec<_>>().await?);
        }
        Ok(batches)
    }

    /// The most memory the server has held.
    pub(crate) fn peak(&self) -> u64 {
        super::process::peak(&self.child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
