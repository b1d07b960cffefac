//! Whatever a client may send, read as the server reads it and forgotten: for fuzzers and tests.

use super::arriving::Arriving;
use super::command;
use super::sessions::SetSessionOptionsRequest;
use arrow_flight::sql::Any;
use arrow_flight::{CancelFlightInfoRequest, FlightData, FlightInfo, RenewFlightEndpointRequest};
use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use prost::Message;

/// Bytes of a stream that a fuzzer may make.
const MAX_STREAM_BYTES: usize = 16 << 20;

/// Reads bytes as every message there is; that they are none is no matter.
pub(in crate::server) fn messages(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let _ = command(&bytes);
    let _ = Any::decode(bytes.clone());
    let _ = SetSessionOptionsRequest::decode(bytes.clone());
    let _ = CancelFlightInfoRequest::decode(bytes.clone());
    let _ = RenewFlightEndpointRequest::decode(bytes.clone());
    let _ = FlightInfo::decode(bytes);
}

/// Reads bytes as a stream of Arrow data: messages of Flight, each after its length in four bytes.
/// Gives how many rows were in it before it ended or broke off.
pub(in crate::server) fn arrow_data(mut bytes: &[u8]) -> usize {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (message, rest) = rest.split_at(length.min(rest.len()));
        match FlightData::decode(message) {
            Ok(message) => messages.push(Ok(message)),
            Err(_) => break,
        }
        bytes = rest;
    }
    let mut arriving = Arriving::new(stream::iter(messages), Some(MAX_STREAM_BYTES));
    let mut rows = 0;
    while let Some(Ok(batch)) = block_on(arriving.next()) {
        rows += batch.num_rows();
    }
    rows
}
