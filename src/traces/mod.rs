//! OpenTelemetry traces of what the operational log records: a span a question, with its planning and its
//! answer below it, and a span a run, with its jobs and their steps.
//!
//! They are sent over OTLP as gRPC, in the background and in batches; what a collector does not take is
//! dropped, and the program's own log says so. A question is part of its client's trace where that sends
//! a `traceparent` (W3C Trace Context). Names and attributes follow OpenTelemetry's semantic conventions
//! for databases where these know them. No value of a row leaves by a trace: texts of questions have `?` in
//! place of literals.
//!
//! What the standard says of environment variables holds for the rest: `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_...`.

mod spans;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Observer, QueryRecord, QueryTiming, RunRecord};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use spans::Told;
use std::collections::HashMap;
use std::sync::Arc;

/// The name of what tells: the instrumentation scope, and the service where nothing else is said.
const NAME: &str = "starhouse";

/// Tells a collector of questions and runs.
#[derive(Debug, Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    clock: Arc<dyn Clock>,
}

impl Traces {
    /// Sends to a collector, within a runtime that lives as long as this. Whether it is there is seen when
    /// something is sent.
    ///
    /// # Errors
    /// Usage where the address is none.
    pub fn over_otlp(endpoint: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let exporter =
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(
                |error| {
                    Error::new(ErrorKind::Usage, "traces cannot be sent there")
                        .with("traces_endpoint", endpoint)
                        .caused_by(error)
                },
            )?;
        let own = [
            KeyValue::new("service.name", NAME),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let resource = Resource::builder_empty()
            .with_attributes(own)
            .with_detector(Box::new(EnvResourceDetector::new()))
            .with_attributes(named_by_environment())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer(NAME);
        Ok(Self { provider, tracer, clock })
    }

    /// Sends what waits, and nothing after it. Waits for the collector, so not for a runtime's thread.
    pub fn shut_down(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }

    /// Records a span and those below it.
    fn tell(&self, told: Told, parent: &Context) {
        let builder = self
            .tracer
            .span_builder(told.name)
            .with_kind(told.kind)
            .with_start_time(told.from)
            .with_attributes(told.attributes);
        let mut span = builder.start_with_context(&self.tracer, parent);
        if let Some(error) = told.error {
            span.set_status(Status::error(error));
        }
        let context = parent.with_span(span);
        for below in told.below {
            self.tell(below, &context);
        }
        context.span().end_with_timestamp(told.to.into());
    }
}

impl Observer for Traces {
    fn query(&self, query: &QueryRecord, timing: &QueryTiming) {
        let parent = timing.parent.as_deref().map(client_context).unwrap_or_default();
        self.tell(spans::question(query, timing, self.clock.now()), &parent);
    }

    fn run(&self, run: &RunRecord) {
        self.tell(spans::run(run), &Context::new());
    }
}

/// The trace that a client says its question is part of; a new one where it says nothing that is one.
fn client_context(traceparent: &str) -> Context {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// `OTEL_SERVICE_NAME` counts for more than a name among `OTEL_RESOURCE_ATTRIBUTES`.
fn named_by_environment() -> Option<KeyValue> {
    let name = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    name.map(|name| KeyValue::new("service.name", name))
}
