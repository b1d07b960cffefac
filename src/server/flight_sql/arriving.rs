//! Arrow data that clients send, looked at before it is decoded.
//!
//! The decoder believes what a message says of itself: that its buffers lie within its body, and how
//! many bytes a compressed one has, for which it asks the system at once, and a system that has not
//! as many ends the process. So both are checked here, and what the decoder still stumbles over is
//! an error of this client alone.

use super::quiet::caught;
use crate::error::{Error, ErrorKind, Result};
use crate::server::status;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use tonic::Status;

/// Bytes that one message may become.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// Rows that a message may have beyond one a bit of its body: of columns that take no room.
const MAX_EMPTY_ROWS: usize = 1 << 20;
/// Before the bytes of a compressed buffer, how many they were; -1 where they are as they were.
const PREFIX_BYTES: usize = 8;

/// The batches that a client sends.
pub(super) struct Arriving {
    batches: FlightRecordBatchStream,
    broken: bool,
}

impl Arriving {
    /// Batches of at most so many bytes together, where a limit is given.
    pub(super) fn new(
        data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
        limit: Option<usize>,
    ) -> Self {
        let mut bytes: usize = 0;
        let checked = data.map(move |message| {
            let message = message.map_err(FlightError::from)?;
            bytes = bytes.saturating_add(size(&message).map_err(ours)?);
            match limit {
                Some(limit) if bytes > limit => {
                    let text = format!("more than {limit} bytes of parameters");
                    Err(ours(Error::new(ErrorKind::Limit, text)))
                }
                _ => Ok(message),
            }
        });
        let checked: BoxStream<'static, _> = checked.boxed();
        Self { batches: FlightRecordBatchStream::new_from_flight_data(checked), broken: false }
    }

    /// The schema, once it has come.
    pub(super) fn schema(&self) -> Option<&SchemaRef> {
        self.batches.schema()
    }

    /// The next batch.
    pub(super) async fn next(&mut self) -> Option<Result<RecordBatch>> {
        if self.broken {
            return None;
        }
        let next = match caught(self.batches.try_next()).await {
            Ok(next) => next.map_err(refused).transpose(),
            Err(_) => Some(Err(malformed("the decoder gave up"))),
        };
        self.broken = !matches!(next, Some(Ok(_)));
        next
    }

    /// The batches as a stream.
    pub(super) fn stream(self) -> BoxStream<'static, Result<RecordBatch>> {
        futures::stream::unfold(self, |mut arriving| async move {
            arriving.next().await.map(|next| (next, arriving))
        })
        .boxed()
    }
}

/// How many bytes a message becomes, after checking what it says of itself.
///
/// # Errors
/// Usage where it contradicts itself, limit where it is too much.
pub(super) fn size(message: &FlightData) -> Result<usize> {
    let body = &message.data_body;
    if message.data_header.is_empty() {
        return Ok(body.len());
    }
    let header = ipc::root_as_message(&message.data_header)
        .map_err(|error| malformed("its header").caused_by(error.to_string()))?;
    let batch = match header.header_type() {
        ipc::MessageHeader::RecordBatch => header.header_as_record_batch(),
        ipc::MessageHeader::DictionaryBatch => {
            header.header_as_dictionary_batch().and_then(|dictionary| dictionary.data())
        }
        _ => return Ok(body.len()),
    };
    let batch = batch.ok_or_else(|| malformed("a batch without its content"))?;
    lengths(&batch, body.len())?;
    let bytes = buffers(&batch, body)?;
    if bytes > MAX_MESSAGE_BYTES {
        return Err(Error::new(ErrorKind::Limit, format!("a message of {bytes} bytes"))
            .with("most", MAX_MESSAGE_BYTES)
            .hint("send smaller batches"));
    }
    Ok(bytes)
}

/// No column is longer than what came could be.
fn lengths(batch: &ipc::RecordBatch<'_>, body_bytes: usize) -> Result<()> {
    let most = body_bytes.saturating_mul(8).saturating_add(MAX_EMPTY_ROWS);
    let nodes = batch.nodes();
    let nodes = nodes.iter().flat_map(|nodes| nodes.iter());
    let lengths = nodes.flat_map(|node| [node.length(), node.null_count()]);
    for length in lengths.chain([batch.length()]) {
        match usize::try_from(length) {
            Ok(length) if length <= most => {}
            _ => return Err(malformed(&format!("a column of {length} rows"))),
        }
    }
    Ok(())
}

/// The bytes of all buffers, each of which lies within the body.
fn buffers(batch: &ipc::RecordBatch<'_>, body: &[u8]) -> Result<usize> {
    let compressed = batch.compression().is_some();
    let buffers = batch.buffers();
    let mut bytes: usize = 0;
    for buffer in buffers.iter().flat_map(|buffers| buffers.iter()) {
        let (offset, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let (Ok(offset), Ok(length)) = (offset, length) else {
            return Err(malformed("a buffer of negative length"));
        };
        let own = offset.checked_add(length).and_then(|end| body.get(offset..end));
        let own = own.ok_or_else(|| malformed("a buffer beyond the message's end"))?;
        let size = match own.first_chunk::<PREFIX_BYTES>() {
            Some(prefix) if compressed => match i64::from_le_bytes(*prefix) {
                -1 => length,
                size => usize::try_from(size)
                    .map_err(|_| malformed(&format!("a buffer of {size} bytes")))?,
            },
            None if compressed && length > 0 => return Err(malformed("a buffer cut short")),
            _ => length,
        };
        bytes = bytes.saturating_add(size);
    }
    Ok(bytes)
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Usage, "the Arrow data sent is malformed").with("at", what)
}

/// An error of ours on its way through the decoder.
fn ours(error: Error) -> FlightError {
    FlightError::ExternalError(Box::new(error))
}

fn refused(error: FlightError) -> Error {
    match error {
        FlightError::ExternalError(source) => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => status::from_client(FlightError::ExternalError(source)),
        },
        FlightError::Tonic(status) => {
            Error::new(ErrorKind::Cancelled, "the client stopped sending").caused_by(*status)
        }
        other => status::from_client(other),
    }
}
