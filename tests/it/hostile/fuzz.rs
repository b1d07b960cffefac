//! The fuzz targets of `fuzz/`, compiled here as they stand there, and run on the seeds that fuzzers begin
//! with: so they go on compiling, and what they call goes on reading what clients send.
//!
//! `STARHOUSE_WRITE_SEEDS=1` writes the seeds anew.

use super::wire::{framed, ingestion, mutate};
use arrow::ipc::CompressionType;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, CommandGetSqlInfo, CommandGetTables,
    CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate, ProstMessageExt,
    TicketStatementQuery,
};
use arrow_flight::{CancelFlightInfoRequest, FlightEndpoint, FlightInfo, Ticket};
use prost::Message;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

/// Stands in for the fuzzer's own: a target's body becomes a function.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:expr) => {
        pub(super) fn target($bytes: &[u8]) {
            $body;
        }
    };
}

#[path = "../../../fuzz/fuzz_targets/arrow_data.rs"]
#[allow(unused_attributes, reason = "it is a program there")]
mod arrow_data;
#[path = "../../../fuzz/fuzz_targets/messages.rs"]
#[allow(unused_attributes, reason = "it is a program there")]
mod messages;

/// A target's body.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 2] =
    [("arrow_data", arrow_data::target), ("messages", messages::target)];

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of)
}

/// What a client may well send, by target and name.
async fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let sql = || "SELECT * FROM fact_sales WHERE quantity > $1".to_owned();
    let ticket = TicketStatementQuery { statement_handle: "handle/0-1".into() };
    let ticket = Ticket::new(ticket.as_any().encode_to_vec());
    let endpoint = FlightEndpoint::new().with_ticket(ticket);
    let info = FlightInfo::new().with_endpoint(endpoint);
    let statement = CommandStatementQuery { query: sql(), transaction_id: None };
    let update = CommandStatementUpdate { query: sql(), transaction_id: None };
    let prepare = ActionCreatePreparedStatementRequest { query: sql(), transaction_id: None };
    let tables = CommandGetTables {
        catalog: Some("starhouse".to_owned()),
        table_name_filter_pattern: Some("%sales".to_owned()),
        table_types: vec!["TABLE".to_owned()],
        include_schema: true,
        ..CommandGetTables::default()
    };
    let ingest = CommandStatementIngest {
        table: "t".to_owned(),
        schema: Some("sandbox".to_owned()),
        ..CommandStatementIngest::default()
    };
    let mut seeds = vec![
        ("messages", "statement", statement.as_any().encode_to_vec()),
        ("messages", "update", update.as_any().encode_to_vec()),
        ("messages", "prepare", prepare.as_any().encode_to_vec()),
        ("messages", "tables", tables.as_any().encode_to_vec()),
        ("messages", "sql_info", CommandGetSqlInfo { info: vec![8, 576] }.as_any().encode_to_vec()),
        ("messages", "ingest", ingest.as_any().encode_to_vec()),
        ("messages", "cancel", CancelFlightInfoRequest::new(info).encode_to_vec()),
    ];
    let compressions = [
        ("plain", None),
        ("lz4", Some(CompressionType::LZ4_FRAME)),
        ("zstd", Some(CompressionType::ZSTD)),
    ];
    for (name, compression) in compressions {
        seeds.push(("arrow_data", name, framed(&ingestion(compression).await)));
    }
    seeds
}

#[tokio::test]
async fn fuzz_targets_read_their_seeds_and_whatever_becomes_of_them() {
    let mut chance = ChaCha8Rng::seed_from_u64(super::seed());
    let writes = std::env::var_os("STARHOUSE_WRITE_SEEDS").is_some();
    for (target, name, bytes) in seeds().await {
        let place = folder("seeds").join(target).join(name);
        if writes {
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(&place, &bytes).unwrap();
        }
        let kept = std::fs::read(&place).unwrap_or_else(|error| panic!("{place:?}: {error}"));
        assert_eq!(kept, bytes, "STARHOUSE_WRITE_SEEDS=1 writes {place:?} anew");
        let (_, run) = TARGETS.iter().find(|(known, _)| *known == target).unwrap();
        run(&bytes);
        for _ in 0..50 {
            run(&mutate(&mut chance, &bytes));
        }
    }
    let programs = std::fs::read_dir(folder("fuzz_targets")).unwrap();
    let mut programs: Vec<_> = programs
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, TARGETS.map(|(name, _)| name), "each is compiled here");
}
