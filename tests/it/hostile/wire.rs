//! Bytes that are no messages, or say of themselves what is not so.

use super::{Healthy, many, memory_mib, seed, serve};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementIngest, CommandStatementQuery, ProstMessageExt};
use arrow_flight::{Action, FlightData, FlightDescriptor, Ticket};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use starhouse::server::{understand_arrow_data, understand_messages};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

async fn client(server: &ServeProcess) -> FlightServiceClient<Channel> {
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    FlightServiceClient::new(channel.connect().await.unwrap())
}

fn rounds() -> usize {
    many(150, 20_000)
}

/// Some bytes of a message are others, or gone, or doubled.
pub(crate) fn mutate(chance: &mut ChaCha8Rng, bytes: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    for _ in 0..chance.random_range(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = chance.random_range(0..bytes.len());
        match chance.random_range(0..5) {
            0 => bytes[at] = chance.random(),
            1 => bytes[at] ^= 1 << chance.random_range(0..8),
            2 => bytes.truncate(at),
            3 => bytes.extend_from_within(at..),
            _ => {
                let to = (at + 8).min(bytes.len());
                let value: i64 = [-1, 0, i64::MAX, i64::MIN, 1 << 40][chance.random_range(0..5)];
                bytes[at..to].copy_from_slice(&value.to_le_bytes()[..to - at]);
            }
        }
    }
    bytes.into()
}

/// Whose fault it is must be told, and it is never the server's.
pub(crate) fn told<T>(what: &str, answer: Result<T, Status>) {
    if let Err(status) = answer {
        let known = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::Unimplemented,
            Code::PermissionDenied,
            Code::ResourceExhausted,
            Code::FailedPrecondition,
            Code::Unauthenticated,
            Code::Cancelled,
            Code::Aborted,
        ];
        assert!(known.contains(&status.code()), "{what}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_messages_are_their_senders_fault() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed());
    let mut client = client(&server).await;
    let query = CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: None };
    let whole = query.as_any().encode_to_vec();
    let actions = [
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "CancelQuery",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
        "Nothing",
    ];
    for _ in 0..rounds() {
        let bytes = match chance.random_range(0..3) {
            0 => (0..chance.random_range(0..200))
                .map(|_| chance.random())
                .collect::<Vec<u8>>()
                .into(),
            _ => mutate(&mut chance, &whole),
        };
        let descriptor = FlightDescriptor::new_cmd(bytes.clone());
        match chance.random_range(0..5) {
            0 => told("info", client.get_flight_info(descriptor).await),
            1 => told("schema", client.get_schema(descriptor).await),
            2 => told("poll", client.poll_flight_info(descriptor).await),
            3 => told("get", client.do_get(Ticket::new(bytes)).await),
            _ => {
                let name = actions[chance.random_range(0..actions.len())];
                told(name, client.do_action(Action::new(name, bytes)).await);
            }
        }
    }
    healthy.end().await;
}

/// The messages of an ingestion, well formed.
pub(super) async fn ingestion(compression: Option<CompressionType>) -> Vec<FlightData> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..1000).map(|n| format!("t{n}"))));
    let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap();
    let command = CommandStatementIngest {
        table_definition_options: None,
        table: "mangled".to_owned(),
        schema: Some("sandbox".to_owned()),
        catalog: None,
        temporary: false,
        transaction_id: None,
        options: Default::default(),
    };
    FlightDataEncoderBuilder::new()
        .with_options(IpcWriteOptions::default().try_with_compression(compression).unwrap())
        .with_flight_descriptor(Some(FlightDescriptor::new_cmd(command.as_any().encode_to_vec())))
        .build(stream::iter([Ok(batch)]))
        .try_collect()
        .await
        .unwrap()
}

/// Messages one after the other, each after its length.
pub(super) fn framed(messages: &[FlightData]) -> Vec<u8> {
    let framed = messages.iter().map(Message::encode_to_vec).flat_map(|message| {
        let length = u32::try_from(message.len()).unwrap().to_le_bytes();
        length.into_iter().chain(message).collect::<Vec<u8>>()
    });
    framed.collect()
}

/// The decoders by themselves, as the fuzz targets call them: whatever the bytes, they come back.
#[tokio::test]
async fn no_bytes_break_the_decoders() {
    let mut chance = ChaCha8Rng::seed_from_u64(seed());
    let whole = ingestion(None).await;
    assert_eq!(understand_arrow_data(&framed(&whole)), 1000);
    let query = CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: None };
    let query = query.as_any().encode_to_vec();
    let compressed = ingestion(Some(CompressionType::LZ4_FRAME)).await;
    for _ in 0..20 * rounds() {
        understand_messages(&mutate(&mut chance, &query));
        let mut messages = if chance.random() { whole.clone() } else { compressed.clone() };
        let at = chance.random_range(0..messages.len());
        messages[at].data_header = mutate(&mut chance, &messages[at].data_header);
        messages[at].data_body = mutate(&mut chance, &messages[at].data_body);
        understand_arrow_data(&framed(&messages));
        understand_arrow_data(&mutate(&mut chance, &framed(&whole)));
    }
}

async fn put(
    client: &mut FlightServiceClient<Channel>,
    messages: Vec<FlightData>,
) -> Result<(), Status> {
    let mut results = client.do_put(stream::iter(messages)).await?.into_inner();
    while let Some(result) = results.next().await {
        result?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_arrow_data_is_its_senders_fault() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed());
    let mut client = client(&server).await;
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let whole = ingestion(compression).await;
        assert_eq!(put(&mut client, whole.clone()).await.map_err(|e| e.to_string()), Ok(()));
        for _ in 0..rounds() / 3 {
            let mut messages = whole.clone();
            let at = chance.random_range(0..messages.len());
            let message = &mut messages[at];
            match chance.random_range(0..3) {
                0 => message.data_body = mutate(&mut chance, &message.data_body),
                1 => message.data_header = mutate(&mut chance, &message.data_header),
                _ => messages.truncate(at),
            }
            told("put", put(&mut client, messages).await);
        }
    }
    healthy.end().await;
}

#[tokio::test]
async fn a_buffer_that_says_it_was_huge_asks_for_no_memory() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let mut client = client(&server).await;
    for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        for huge in [1_i64 << 30, 1 << 40, i64::MAX, i64::MIN] {
            let mut messages = ingestion(Some(compression)).await;
            let batch = messages.iter_mut().find(|message| !message.data_body.is_empty()).unwrap();
            let mut body = batch.data_body.to_vec();
            let at = body.windows(8).position(|eight| eight == 8000_i64.to_le_bytes()).unwrap();
            body[at..at + 8].copy_from_slice(&huge.to_le_bytes());
            batch.data_body = body.into();
            let refused = put(&mut client, messages).await.unwrap_err();
            assert!(
                matches!(refused.code(), Code::ResourceExhausted | Code::InvalidArgument),
                "{refused}"
            );
        }
    }
    assert!(memory_mib(server.id(), "VmHWM:") < 800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_let_go() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed());
    for _ in 0..rounds() {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let mut bytes: Vec<u8> = match chance.random_range(0..3) {
            0 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            1 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            _ => Vec::new(),
        };
        bytes.extend((0..chance.random_range(0..300)).map(|_| chance.random::<u8>()));
        // The server may have closed it already.
        let _ = stream.write_all(&bytes).await;
    }
    healthy.end().await;
}
