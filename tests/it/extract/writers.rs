//! The same small table written in every format, by other programs' libraries.

use super::Project;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// A format of the conformance suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    CsvGzip,
    JsonLines,
    JsonLinesZstandard,
    Json,
    Parquet,
    Excel,
    Sqlite,
    Postgresql,
    Mysql,
    /// By its URL, as the three below.
    HttpCsv,
    HttpParquet,
    HttpExcel,
    Api,
    /// In buckets: of a server of the test's own, of `moto`, Azurite and fake-gcs-server.
    GsJson,
    S3Csv,
    AzureCsv,
    GoogleCsv,
    FlightSql,
}

impl Format {
    /// What its name in a release begins with.
    pub(crate) fn name(self, project: &Project) -> String {
        match self {
            Self::HttpCsv | Self::HttpParquet | Self::HttpExcel | Self::Api => {
                project.web().url(self.file())
            }
            Self::GsJson => format!("gs://bucket/{}", self.file()),
            Self::FlightSql => project.flight().name(),
            Self::S3Csv => format!("s3://{}/{}", project.s3().bucket, self.file()),
            Self::AzureCsv => format!("az://{}/{}", project.azure().container, self.file()),
            Self::GoogleCsv => format!("gs://{}/{}", project.google().bucket, self.file()),
            _ => self.file().to_owned(),
        }
    }

    /// The file's name; for a server, what its name begins with.
    fn file(self) -> &'static str {
        match self {
            Self::Csv => "t.csv",
            Self::CsvGzip => "t.csv.gz",
            Self::JsonLines => "t.jsonl",
            Self::JsonLinesZstandard => "t.jsonl.zst",
            Self::Json => "t.json",
            Self::Parquet => "t.parquet",
            Self::Excel => "t.xlsx",
            Self::Sqlite => "t.db",
            Self::Postgresql => "postgresql://127.0.0.1:",
            Self::Mysql => "mysql://127.0.0.1:",
            Self::HttpCsv | Self::S3Csv | Self::AzureCsv | Self::GoogleCsv => "t.csv",
            Self::HttpParquet => "t.parquet",
            Self::HttpExcel => "t.xlsx",
            Self::Api => "api/t.rows",
            Self::GsJson => "t.json",
            Self::FlightSql => "",
        }
    }

    /// The file of the project that it is, or that a server of the test's gives out.
    pub(crate) fn path(self, project: &Project) -> Option<PathBuf> {
        let is_elsewhere = matches!(
            self,
            Self::Postgresql
                | Self::Mysql
                | Self::S3Csv
                | Self::AzureCsv
                | Self::GoogleCsv
                | Self::FlightSql
        );
        (!is_elsewhere).then(|| project.path().join(self.file()))
    }

    /// Whether it is files, which may be read once each.
    pub(crate) fn is_of_files(self) -> bool {
        use Format::{Api, FlightSql, Mysql, Postgresql, Sqlite};
        !matches!(self, Api | FlightSql | Mysql | Postgresql | Sqlite)
    }

    /// `from:` in a job, with a number as one, for those who can be asked for what is new.
    pub(crate) fn numbered_lines(self, project: &Project, headings: &[&str]) -> Option<String> {
        let query = |quote: &str, ty: &str| {
            let named = |name: &&str| format!("{quote}{name}{quote}");
            let others = headings.iter().filter(|name| **name != "id").map(named);
            let (id, others) = (named(&"id"), others.collect::<Vec<_>>().join(", "));
            format!("query: 'SELECT CAST({id} AS {ty}) AS {id}, {others} FROM ")
        };
        Some(match self {
            Self::Sqlite => format!("{{sqlite: {{path: t.db, {}t'}}}}", query("\"", "INTEGER")),
            Self::Postgresql => project.postgresql().from(&format!("{}t'", query("\"", "int"))),
            Self::Mysql => project.mysql().from(&format!("{}t'", query("`", "SIGNED"))),
            Self::FlightSql => project.flight().from(&format!("{}sandbox.t'", query("\"", "INT"))),
            Self::Api => self.from(project).replace("at: rows", "since: since, at: rows"),
            _ => return None,
        })
    }

    /// Whether each row names its own values.
    pub(crate) fn is_of_objects(self) -> bool {
        use Format::{Api, GsJson, Json, JsonLines, JsonLinesZstandard};
        matches!(self, Api | GsJson | Json | JsonLines | JsonLinesZstandard)
    }

    /// `from:` in a job.
    pub(crate) fn from(self, project: &Project) -> String {
        let from = match self {
            Self::Csv => "{csv: {path: t.csv}}",
            Self::CsvGzip => "{csv: {path: t.csv.gz}}",
            Self::JsonLinesZstandard => "{json_lines: {path: t.jsonl.zst}}",
            Self::Json => "{json: {path: t.json, at: data.rows}}",
            Self::JsonLines => "{json_lines: {path: t.jsonl}}",
            Self::Parquet => "{parquet: {path: t.parquet}}",
            Self::Excel => "{excel: {path: t.xlsx}}",
            Self::Sqlite => "{sqlite: {path: t.db, table: t}}",
            Self::Postgresql => return project.postgresql().from("table: t"),
            Self::Mysql => return project.mysql().from("table: t"),
            Self::HttpCsv => return format!("{{csv: {{path: '{}'}}}}", self.name(project)),
            Self::HttpParquet => return format!("{{parquet: {{path: '{}'}}}}", self.name(project)),
            Self::HttpExcel => return format!("{{excel: {{path: '{}'}}}}", self.name(project)),
            Self::Api => {
                let by = "at: rows, paging: {cursor: {parameter: after, at: meta.next}}";
                return format!("{{api: {{url: '{}', {by}}}}}", self.name(project));
            }
            Self::GsJson => {
                let access = format!("{{endpoint: '{}', anonymous: true}}", project.web().url(""));
                let access = format!("{{gs: {}}}", access.replace("/'", "'"));
                let path = "gs://bucket/t.*";
                return format!("{{json: {{path: '{path}', at: data.rows, access: {access}}}}}");
            }
            Self::FlightSql => return project.flight().from("table: sandbox.t"),
            Self::S3Csv | Self::AzureCsv | Self::GoogleCsv => {
                let access = match self {
                    Self::AzureCsv => project.azure().access(project),
                    Self::GoogleCsv => project.google().access(),
                    _ => project.s3().access(),
                };
                return format!("{{csv: {{path: '{}', access: {access}}}}}", self.name(project));
            }
        };
        from.to_owned()
    }

    /// Writes a table of texts into the project.
    pub(crate) fn write(self, project: &Project, headings: &[&str], rows: &[Vec<Option<String>>]) {
        let path = project.path().join(self.file());
        match self {
            Self::Csv | Self::HttpCsv => std::fs::write(path, csv(headings, rows)).unwrap(),
            Self::S3Csv => project.s3().put(self.file(), csv(headings, rows)),
            Self::AzureCsv => project.azure().put(self.file(), csv(headings, rows)),
            Self::GoogleCsv => project.google().put(self.file(), csv(headings, rows)),
            Self::Api => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, objects(headings, rows).join("\n")).unwrap();
            }
            Self::CsvGzip => std::fs::write(path, gzip(&csv(headings, rows))).unwrap(),
            Self::JsonLines => std::fs::write(path, objects(headings, rows).join("\n")).unwrap(),
            Self::JsonLinesZstandard => {
                let lines = objects(headings, rows).join("\n");
                std::fs::write(path, zstd::encode_all(lines.as_bytes(), 3).unwrap()).unwrap();
            }
            Self::Json | Self::GsJson => {
                let rows = objects(headings, rows).join(",\n");
                let text = format!("{{\"n\": 1, \"data\": {{\"rows\":\n[{rows}], \"more\": []}}}}");
                std::fs::write(path, text).unwrap();
            }
            Self::Parquet | Self::HttpParquet => {
                let column = |at: usize| -> ArrayRef {
                    Arc::new(rows.iter().map(|row| row[at].clone()).collect::<StringArray>())
                };
                let columns =
                    headings.iter().enumerate().map(|(at, name)| (*name, column(at), true));
                let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
                write_parquet(&path, &batch);
            }
            Self::Excel | Self::HttpExcel => {
                let mut book = rust_xlsxwriter::Workbook::new();
                let sheet = book.add_worksheet();
                let texts = rows.iter().map(|row| row.iter().map(Option::as_deref).collect());
                let headings = headings.iter().map(|heading| Some(*heading)).collect();
                let all = std::iter::once(headings).chain(texts);
                for (at, row) in all.enumerate() {
                    let row: Vec<Option<&str>> = row;
                    for (column, text) in row.iter().enumerate() {
                        let Some(text) = text else { continue };
                        sheet.write_string(at as u32, column as u16, *text).unwrap();
                    }
                }
                book.save(path).unwrap();
            }
            Self::Sqlite => {
                let _ = std::fs::remove_file(&path);
                let mut connection = rusqlite::Connection::open(path).unwrap();
                let names = headings.join("\" TEXT, \"");
                connection.execute(&format!("CREATE TABLE t (\"{names}\" TEXT)"), []).unwrap();
                let marks = vec!["?"; headings.len()].join(", ");
                let transaction = connection.transaction().unwrap();
                for row in rows {
                    let row = rusqlite::params_from_iter(row);
                    transaction.execute(&format!("INSERT INTO t VALUES ({marks})"), row).unwrap();
                }
                transaction.commit().unwrap();
            }
            Self::FlightSql => project.flight().write(headings, rows),
            Self::Postgresql => project.postgresql().write(headings, rows),
            Self::Mysql => project.mysql().write(headings, rows),
        }
    }
}

fn csv(headings: &[&str], rows: &[Vec<Option<String>>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(headings).unwrap();
    for row in rows {
        writer.write_record(row.iter().map(|cell| cell.as_deref().unwrap_or(""))).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Bytes as a gzip file.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Each row as a JSON object.
pub(crate) fn objects(headings: &[&str], rows: &[Vec<Option<String>>]) -> Vec<String> {
    let object = |row: &Vec<Option<String>>| {
        let cells = headings.iter().zip(row);
        let cells = cells.map(|(name, cell)| ((*name).to_owned(), cell.clone().into()));
        serde_json::Value::Object(cells.collect()).to_string()
    };
    rows.iter().map(object).collect()
}

/// Writes a Parquet file.
pub(crate) fn write_parquet(path: &std::path::Path, batch: &RecordBatch) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}
