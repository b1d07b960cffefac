//! Every setting once: key, default, meaning and how it is read.
//!
//! A setting's value is the environment variable `STARHOUSE_<KEY>` if it is set, else what
//! `starhouse.yaml` says, else the default. Reading the file, the environment and the machine is
//! the composition root's part; here everything comes in as data.

mod size;
mod values;

pub use size::Room;
pub(crate) use size::bytes;

use crate::yaml::{Document, Fault, Faults, Located, Place};
use std::net::SocketAddr;
use std::path::PathBuf;
use values::{address, at_least, endpoint, level, number, on_off, one_in, path, some_room};

/// The name of a project's settings file.
pub const FILE: &str = "starhouse.yaml";

/// Memory for answers where nothing is said.
const RESULT_CACHE_BYTES: usize = 64 << 20;

/// The settings of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Memory for all queries together, in bytes; operators that can, spill beyond it.
    pub memory_limit_bytes: usize,
    /// Partitions a query runs on.
    pub threads: usize,
    /// Rows a batch.
    pub batch_size: usize,
    /// Memory, out of that of all queries, for decoded columns that are used again and again; half
    /// of it where nothing is said.
    pub hot_columns_bytes: Option<usize>,
    /// Memory for answers to questions that are asked again.
    pub result_cache_bytes: usize,
    /// Whether joins in star form go to the star scan.
    pub star_scan: bool,
    /// Of so many questions that aggregates answer, one is answered again from base rows; 0 is none.
    pub shadow_one_in: u64,
    /// Room for aggregates that releases keep by themselves, declared ones included; none are kept where
    /// nothing is said.
    pub automatic_aggregates: Option<Room>,
    /// How many jobs a run has at work at once, where they leave each other alone.
    pub parallel_jobs: usize,
    /// Where operators spill; relative to the project.
    pub spill_dir: PathBuf,
    /// Where tables and releases live; relative to the project.
    pub warehouse_dir: PathBuf,
    /// Where the server listens for Flight SQL.
    pub flight_address: SocketAddr,
    /// Where the server tells what there is to watch; nowhere where nothing is said.
    pub metrics_address: Option<SocketAddr>,
    /// Where traces of questions and runs are sent; nowhere where nothing is said.
    pub traces_endpoint: Option<String>,
    /// Queries that the server runs at once; four a thread where nothing is said.
    pub max_queries: Option<usize>,
    /// Queries that wait for their turn at the server before more are refused.
    pub max_waiting_queries: usize,
    /// The certificate that the server speaks TLS with, in PEM; relative to the project.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM; relative to the project.
    pub tls_key: Option<PathBuf>,
    /// A file that holds the password of the server's clients; relative to the project.
    pub password_file: Option<PathBuf>,
    /// What is logged: a level, or filters such as `info,starhouse::etl=debug`.
    pub log_level: String,
}

/// What the defaults depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Memory of the machine, in bytes, where that is known.
    pub memory_bytes: Option<usize>,
    /// Processors this process may use.
    pub processors: usize,
}

/// A setting, as `starhouse init` and the manual show it.
pub struct Setting {
    /// Its key in `starhouse.yaml`.
    pub key: &'static str,
    /// Its default, in words or as a value.
    pub default: &'static str,
    /// A value to begin with.
    pub example: &'static str,
    /// What it does.
    pub doc: &'static str,
    read: fn(&mut Config, &str) -> Result<(), String>,
}

/// All settings.
pub const SETTINGS: [Setting; 20] = [
    Setting {
        key: "memory_limit",
        default: "half of the machine's memory, or 4 GiB where that is unknown",
        example: "8 GiB",
        doc: "memory for all queries together (`512 MiB`, `8 GB`); beyond it they spill to disk",
        read: |config, text| {
            config.memory_limit_bytes = bytes(text)?;
            at_least(config.memory_limit_bytes, 16 << 20, "16 MiB")
        },
    },
    Setting {
        key: "threads",
        default: "one a processor",
        example: "4",
        doc: "how many threads a query runs on",
        read: |config, text| {
            config.threads = number(text)?;
            at_least(config.threads, 1, "1")
        },
    },
    Setting {
        key: "batch_size",
        default: "8192",
        example: "8192",
        doc: "rows worked on at a time",
        read: |config, text| {
            config.batch_size = number(text)?;
            at_least(config.batch_size, 1, "1")
        },
    },
    Setting {
        key: "hot_columns",
        default: "half of `memory_limit`",
        example: "2 GiB",
        doc: "memory, out of `memory_limit`, for columns of facts that are asked for again and again; \
              given up first when queries need it; 0 keeps none",
        read: |config, text| bytes(text).map(|bytes| config.hot_columns_bytes = Some(bytes)),
    },
    Setting {
        key: "result_cache",
        default: "64 MiB",
        example: "64 MiB",
        doc: "memory, out of `memory_limit`, for answers to questions that are asked again of the \
              same release; 0 keeps none",
        read: |config, text| bytes(text).map(|bytes| config.result_cache_bytes = bytes),
    },
    Setting {
        key: "star_scan",
        default: "on",
        example: "on",
        doc: "whether joins of a fact with its dimensions go to the star scan; off leaves them to \
              DataFusion's joins, to compare: on, off",
        read: |config, text| on_off(text).map(|on| config.star_scan = on),
    },
    Setting {
        key: "shadow",
        default: "off",
        example: "1000",
        doc: "of so many questions that aggregates answer, one is answered again from base rows, in \
              the background, and a difference is logged: a whole number, or off",
        read: |config, text| one_in(text).map(|count| config.shadow_one_in = count),
    },
    Setting {
        key: "automatic_aggregates",
        default: "off",
        example: "25%",
        doc: "after a load, keep the aggregates that are worth most for what was asked, within so many \
              bytes, or such a part of what the cubes' facts weigh: `512 MB`, `25%`, or off",
        read: |config, text| {
            config.automatic_aggregates = match text {
                "off" | "false" => None,
                _ => Some(some_room(text)?),
            };
            Ok(())
        },
    },
    Setting {
        key: "parallel_jobs",
        default: "4",
        example: "4",
        doc: "how many jobs a run has at work at once, where none changes what another reads; they \
              share `memory_limit`",
        read: |config, text| {
            config.parallel_jobs = number(text)?;
            at_least(config.parallel_jobs, 1, "1")
        },
    },
    Setting {
        key: "spill_dir",
        default: ".spill",
        example: ".spill",
        doc: "folder for what does not fit into memory, relative to the project",
        read: |config, text| path(text).map(|folder| config.spill_dir = folder),
    },
    Setting {
        key: "warehouse_dir",
        default: "warehouse",
        example: "warehouse",
        doc: "folder of the tables and releases, relative to the project",
        read: |config, text| path(text).map(|folder| config.warehouse_dir = folder),
    },
    Setting {
        key: "flight_address",
        default: "127.0.0.1:31337",
        example: "127.0.0.1:31337",
        doc: "address and port on which `serve` listens for Flight SQL; port 0 takes a free one",
        read: |config, text| address(text).map(|address| config.flight_address = address),
    },
    Setting {
        key: "metrics_address",
        default: "none: nothing is told",
        example: "127.0.0.1:9464",
        doc: "address and port on which `serve` answers Prometheus: `GET /metrics`, `GET /health`",
        read: |config, text| address(text).map(|at| config.metrics_address = Some(at)),
    },
    Setting {
        key: "traces_endpoint",
        default: "OTEL_EXPORTER_OTLP_ENDPOINT, else none: nothing is told",
        example: "http://127.0.0.1:4317",
        doc: "where an OpenTelemetry collector takes traces of questions and runs, over OTLP with gRPC",
        read: |config, text| endpoint(text).map(|url| config.traces_endpoint = Some(url)),
    },
    Setting {
        key: "max_queries",
        default: "four times `threads`",
        example: "16",
        doc: "how many queries `serve` runs at once; a session has half of them at most, and so have long ones",
        read: |config, text| {
            let queries = number(text)?;
            config.max_queries = Some(queries);
            at_least(queries, 1, "1")
        },
    },
    Setting {
        key: "max_waiting_queries",
        default: "1000",
        example: "1000",
        doc: "how many more wait for their turn; beyond that clients are told to ask again later",
        read: |config, text| number(text).map(|queries| config.max_waiting_queries = queries),
    },
    Setting {
        key: "tls_certificate",
        default: "none: plain text",
        example: "server.crt",
        doc: "the certificate, and those that vouch for it, with which `serve` speaks TLS: a PEM file, \
              relative to the project",
        read: |config, text| path(text).map(|file| config.tls_certificate = Some(file)),
    },
    Setting {
        key: "tls_key",
        default: "none",
        example: "server.key",
        doc: "the private key of `tls_certificate`: a PEM file, relative to the project",
        read: |config, text| path(text).map(|file| config.tls_key = Some(file)),
    },
    Setting {
        key: "password_file",
        default: "none: whoever can connect is let in",
        example: "server.password",
        doc: "a file with the password that clients of `serve` give, with any user's name; or set the \
              environment variable STARHOUSE_PASSWORD",
        read: |config, text| path(text).map(|file| config.password_file = Some(file)),
    },
    Setting {
        key: "log_level",
        default: "warn",
        example: "info",
        doc: "what is logged on stderr: error, warn, info, debug, trace, or filters a module",
        read: |config, text| level(text).map(|level| config.log_level = level),
    },
];

/// What the environment variable of a setting is called.
pub fn environment_variable(key: &str) -> String {
    format!("STARHOUSE_{}", key.to_uppercase())
}

impl Config {
    /// The settings where nobody has set anything.
    pub fn defaults(machine: Machine) -> Self {
        Self {
            memory_limit_bytes: machine.memory_bytes.map_or(4 << 30, |bytes| bytes / 2),
            threads: machine.processors.max(1),
            batch_size: 8192,
            hot_columns_bytes: None,
            result_cache_bytes: RESULT_CACHE_BYTES,
            star_scan: true,
            shadow_one_in: 0,
            automatic_aggregates: None,
            parallel_jobs: 4,
            spill_dir: PathBuf::from(".spill"),
            warehouse_dir: PathBuf::from("warehouse"),
            flight_address: SocketAddr::from(([127, 0, 0, 1], 31337)),
            metrics_address: None,
            traces_endpoint: None,
            max_queries: None,
            max_waiting_queries: 1000,
            tls_certificate: None,
            tls_key: None,
            password_file: None,
            log_level: "warn".to_owned(),
        }
    }

    /// The settings of a file's text, overlaid by the environment.
    ///
    /// # Errors
    /// Every unknown key and every value that is not of its setting's form.
    pub fn read(
        text: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
        machine: Machine,
    ) -> Result<Self, Faults> {
        let mut config = Self::defaults(machine);
        let mut faults = Faults::default();
        if let Some(text) = text.filter(|text| !holds_nothing(text)) {
            faults.take(config.read_file(text));
        }
        for setting in &SETTINGS {
            let variable = environment_variable(setting.key);
            let Some(value) = environment(&variable) else { continue };
            if let Err(reason) = (setting.read)(&mut config, value.trim()) {
                faults.push(Fault::new(variable, Place::default(), reason));
            }
        }
        if config.traces_endpoint.is_none() {
            faults.take(config.read_standard_endpoint(environment));
        }
        faults.take(config.fits_together());
        faults.or(config)
    }

    /// What is taken out of something is no more than that.
    fn fits_together(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let (cache, memory) = (self.result_cache_bytes, self.memory_limit_bytes);
        if cache > memory && cache != RESULT_CACHE_BYTES {
            let reason = format!(
                "result_cache: {cache} bytes are taken out of `memory_limit`, which has {memory}"
            );
            faults.push(Fault::new(FILE, Place::default(), reason));
        }
        faults.or(())
    }

    /// Where OpenTelemetry's own variables say that traces go.
    fn read_standard_endpoint(
        &mut self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for variable in ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
            let Some(value) = environment(variable).filter(|value| !value.trim().is_empty()) else {
                continue;
            };
            match endpoint(value.trim()) {
                Ok(url) => self.traces_endpoint = Some(url),
                Err(reason) => faults.push(Fault::new(variable, Place::default(), reason)),
            }
            break;
        }
        faults.or(())
    }

    fn read_file(&mut self, text: &str) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let document = Document::read(FILE, text)?;
        for (key, value) in document.keys() {
            if let Err(fault) = self.read_key(key, value) {
                faults.push(fault);
            }
        }
        faults.or(())
    }

    fn read_key(&mut self, key: Located<&str>, value: Option<Located<&str>>) -> Result<(), Fault> {
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key.value) else {
            let known: Vec<&str> = keys().collect();
            let message =
                format!("unknown setting `{}`, expected one of {}", key.value, known.join(", "));
            return Err(Fault::new(FILE, key.place, message).suggest(key.value, keys()));
        };
        let Some(value) = value else {
            let message = format!("`{}` is one value, not a list or mapping", setting.key);
            return Err(Fault::new(FILE, key.place, message));
        };
        (setting.read)(self, value.value)
            .map_err(|reason| Fault::new(FILE, value.place, format!("{}: {reason}", setting.key)))
    }
}

/// Whether a text is nothing but comments, as `init` writes it.
fn holds_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

#[cfg(test)]
mod tests;
