use super::*;

const MACHINE: Machine = Machine { memory_bytes: Some(16 << 30), processors: 8 };

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let lookup = |name: &str| {
        let found = environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::read(Some(text), lookup, MACHINE)
}

#[test]
fn nothing_set_means_defaults() {
    let config = read("# nothing but a comment\n\n", &[]).unwrap();
    assert_eq!(config, Config::defaults(MACHINE));
    assert_eq!(config.memory_limit_bytes, 8_589_934_592);
    assert_eq!(config.threads, 8);
    assert_eq!(config, Config::read(None, |_| None, MACHINE).unwrap());
    let unknown = Machine { memory_bytes: None, processors: 0 };
    assert_eq!(Config::defaults(unknown).memory_limit_bytes, 4_294_967_296);
    assert_eq!(Config::defaults(unknown).threads, 1);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "threads: 2\nbatch_size: 1_000\nflight_address: localhost:4000\n";
    let config = read(text, &[("STARHOUSE_THREADS", "3")]).unwrap();
    assert_eq!((config.threads, config.batch_size), (3, 1000));
    assert_eq!(config.flight_address.to_string(), "127.0.0.1:4000");
}

#[test]
fn traces_go_where_opentelemetry_is_told() {
    let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    let endpoint =
        |text: &str, environment: &[(&str, &str)]| read(text, environment).unwrap().traces_endpoint;
    assert_eq!(endpoint("", &[standard]), Some("http://collector:4317".to_owned()));
    let own = "traces_endpoint: https://here:4317";
    assert_eq!(endpoint(own, &[standard]), Some("https://here:4317".to_owned()));
    assert_eq!(endpoint("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
    for wrong in ["collector:4317", "grpc://collector:4317", "4317", "http://me:secret@collector"] {
        let faults = read(&format!("traces_endpoint: '{wrong}'"), &[]).unwrap_err().to_string();
        assert!(!faults.contains("secret"), "{faults}");
        let variable = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", wrong)];
        let faults = read("", &variable).unwrap_err().to_string();
        assert!(faults.starts_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "), "{faults}");
    }
}

#[test]
fn bytes_have_units() {
    let cases = [
        ("67108864", 67_108_864),
        ("64MiB", 67_108_864),
        ("64 mib", 67_108_864),
        ("1.5 GiB", 1_610_612_736),
        ("2 GB", 2_000_000_000),
        ("1 TiB", 1_099_511_627_776),
    ];
    for (text, expected) in cases {
        assert_eq!(bytes(text), Ok(expected), "{text}");
    }
    for text in ["", "MiB", "1 lightyear", "-1", "1e400", "9999999 TiB"] {
        assert!(bytes(text).is_err(), "{text}");
    }
}

#[test]
fn what_has_no_room_is_told() {
    let told = |text: &str| read(text, &[]).unwrap_err().to_string();
    let none = told("automatic_aggregates: 0");
    assert!(none.contains("automatic_aggregates: 0 bytes have room for none; `off`"), "{none}");
    let beyond = told("memory_limit: 1 GB\nresult_cache: 100 TB");
    let expected =
        "result_cache: 100000000000000 bytes are taken out of `memory_limit`, which has 1000000000";
    assert!(beyond.contains(expected), "{beyond}");
    // What nobody said is no fault of anybody's.
    assert!(read("memory_limit: 32 MiB", &[]).is_ok());
    assert!(read("memory_limit: 1 GB\nresult_cache: 1 GB\nautomatic_aggregates: off", &[]).is_ok());
}

#[test]
fn every_fault_is_told_with_its_place() {
    let text = "memory_limit: plenty\nthread: 4\nbatch_size: 0\nlog_level: [info]\n";
    let faults = read(text, &[("STARHOUSE_FLIGHT_ADDRESS", "here")]).unwrap_err().to_string();
    let expected = "\
STARHOUSE_FLIGHT_ADDRESS: expected address:port such as 127.0.0.1:31337, found `here`
starhouse.yaml:1:15: memory_limit: expected bytes such as `512 MiB` or `8 GB`, found `plenty`
starhouse.yaml:2:1: unknown setting `thread`, expected one of memory_limit, threads, batch_size, \
hot_columns, result_cache, star_scan, shadow, automatic_aggregates, parallel_jobs, spill_dir, warehouse_dir, flight_address, metrics_address, traces_endpoint, max_queries, \
max_waiting_queries, tls_certificate, tls_key, password_file, log_level; did you mean `threads`?
starhouse.yaml:3:13: batch_size: expected at least 1
starhouse.yaml:4:1: `log_level` is one value, not a list or mapping";
    assert_eq!(faults, expected);
}
