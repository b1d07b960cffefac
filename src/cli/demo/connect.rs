//! Serving the sample, and how to connect to it.

use crate::cli::failure::Failure;
use crate::cli::interrupt::asked_to_stop;
use crate::cli::project::Project;
use crate::sample::project::Sample;
use crate::server::{Server, ServerOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// Serves until Ctrl-C.
pub(super) async fn serve(
    project: Project,
    address: Option<SocketAddr>,
    sample: Sample,
) -> Result<(), Failure> {
    let address = address.unwrap_or(project.declared.config.flight_address);
    let options = ServerOptions { address, ..ServerOptions::default() };
    let folder = project.declared.root.join(&project.declared.config.warehouse_dir);
    let server = Server::bind(project.engine, options).await?;
    let mut out = io::stdout();
    writeln!(out, "{}", how_to_connect(&server.address().to_string(), &folder, sample))?;
    out.flush()?;
    server.run(asked_to_stop()).await?;
    Ok(())
}

fn how_to_connect(address: &str, warehouse: &Path, sample: Sample) -> String {
    let question = match sample {
        Sample::Retail => "SELECT year, MEASURE(revenue) FROM cubes.sales GROUP BY year",
        Sample::CompleteJourney => {
            "SELECT department, MEASURE(sales) FROM cubes.sales GROUP BY department"
        }
    };
    let warehouse = std::path::absolute(warehouse).unwrap_or_else(|_| warehouse.to_owned());
    let tables = warehouse.join("tables");
    format!(
        "\
Serving Flight SQL on grpc://{address}; Ctrl-C stops.

Python (pip install adbc-driver-flightsql pyarrow):
    import adbc_driver_flightsql.dbapi as flightsql
    with flightsql.connect(\"grpc://{address}\") as connection, connection.cursor() as cursor:
        cursor.execute(\"{question}\")
        print(cursor.fetch_arrow_table())

DBeaver and other JDBC clients (driver: Arrow Flight SQL JDBC):
    jdbc:arrow-flight-sql://{address}/?useEncryption=false

DuckDB, on the Delta tables themselves:
    INSTALL delta; LOAD delta;
    SELECT count(*) FROM delta_scan('{}');",
        tables.join("fact_sales").display(),
    )
}
