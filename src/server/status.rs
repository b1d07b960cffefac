//! From our errors to gRPC's, in one place.

use crate::error::{Error, ErrorKind};
use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use tonic::Status;

/// gRPC carries the message percent-encoded in a header, and grpc-java refuses headers over 8 KiB.
const MAX_ENCODED_MESSAGE_BYTES: usize = 4096;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Internal {
            tracing::error!(%error, "internal error");
        }
        Self::new(error.grpc_code(), shortened(error.to_string()))
    }
}

/// An error of Arrow's encoders: never the client's fault.
pub(super) fn encoding(error: ArrowError) -> Error {
    Error::internal("cannot encode for the wire").caused_by(error)
}

/// An error of arrow-flight's builders and encoders.
pub(super) fn flight(error: FlightError) -> Error {
    Error::internal("cannot encode for the wire").caused_by(error)
}

/// An error in what a client sent as a stream of Arrow data.
pub(super) fn from_client(error: FlightError) -> Error {
    Error::new(ErrorKind::Usage, "cannot read the Arrow data sent").caused_by(error)
}

fn shortened(message: String) -> String {
    let mut encoded_bytes = 0;
    let cut = message.char_indices().find(|(_, character)| {
        encoded_bytes += match character {
            ' '..='~' => 1,
            other => 3 * other.len_utf8(),
        };
        encoded_bytes > MAX_ENCODED_MESSAGE_BYTES
    });
    match cut {
        Some((index, _)) => format!("{} ...", &message[..index]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_codes_and_the_message_says_all() {
        let error = Error::not_found("no table `dim_stor`")
            .with("schema", "warehouse")
            .hint("did you mean `dim_store`?");
        let status = Status::from(error);
        assert_eq!(status.code(), tonic::Code::NotFound);
        let expected = "no table `dim_stor` (schema warehouse); did you mean `dim_store`?";
        assert_eq!(status.message(), expected);
    }

    #[test]
    fn long_messages_fit_a_header() {
        let status = Status::from(Error::user("é".repeat(10_000)));
        assert_eq!(status.message().chars().filter(|c| *c == 'é').count(), 4096 / 6);
        assert!(status.message().ends_with(" ..."));
    }
}
