//! A client that takes answers as fast as they come.

use super::Outcome;
use arrow::array::RecordBatch;
use arrow_flight::Ticket;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};

/// A client of Flight SQL.
pub(crate) type Client = FlightSqlServiceClient<Channel>;

/// What came, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetched {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
}

/// Connects.
pub(crate) async fn connect(address: &str) -> Outcome<Client> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let service = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    Ok(FlightSqlServiceClient::new_from_inner(service))
}

/// Asks, and gives the answer.
pub(crate) async fn ask(client: &mut Client, sql: &str) -> Outcome<Vec<RecordBatch>> {
    let info = client.execute(sql.to_owned(), None).await?;
    let ticket = info.endpoint.first().and_then(|e| e.ticket.clone()).ok_or("no ticket")?;
    Ok(client.do_get(ticket).await?.try_collect().await?)
}

/// Asks, and reads the answer to its end without keeping it.
pub(crate) async fn fetch(client: &mut Client, sql: &str) -> Outcome<Fetched> {
    let started = Instant::now();
    let info = client.execute(sql.to_owned(), None).await?;
    let ticket = info.endpoint.first().and_then(|e| e.ticket.clone()).ok_or("no ticket")?;
    drain(client, ticket, started).await
}

/// Reads what a ticket stands for to its end.
pub(crate) async fn drain(
    client: &mut Client,
    ticket: Ticket,
    started: Instant,
) -> Outcome<Fetched> {
    let mut batches = client.do_get(ticket).await?;
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
    }
    Ok(Fetched { rows, bytes, took: started.elapsed() })
}
