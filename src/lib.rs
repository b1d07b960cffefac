//! Starhouse: an OLAP cube and data-warehouse server.
//!
//! This page is the map. It shows the two ways data takes through the house, the modules in the
//! order in which to read them, what always holds, and where to go to change something.
//!
//! # The two flows
//!
//! A load turns source files into the next release, or into nothing:
//!
//! ```text
//!  sources ──> extract ──> clean ──> transform ──> load ─────────> summarise ──> publish
//!  (files,     (etl::      (rules a  (SQL, over    (keys, history, (aggregate)   (store: the
//!   sheets,     extract)    column)   engine)       facts)                        release file
//!   databases)     │           │                       │                          is the commit)
//!                  └───────────┴── rejected rows ──────┘
//!                                   to quarantine, with file, line, reason
//! ```
//!
//! A question is asked of one release and answered from it alone:
//!
//! ```text
//!  client ──> session ─────> plan ───────> authorise ──> route ─────────> execute ──> Arrow
//!  (cli,      (a principal   (SQL, or a    (policy, on   (an aggregate    (engine)    stream
//!   server)    and a          cube query:   the plan)     that provably
//!              release)       query)                      answers, or the
//!                                                         facts: query)
//! ```
//!
//! # The modules, in reading order
//!
//! Upper modules may use lower ones, never the reverse, and siblings never each other;
//! `tests/architecture.rs` checks it.
//!
//! ```text
//!  main ─> cli ─> [server | sample | traces] ─> etl ─> aggregate ─> engine ─> [store | query]
//!       ─> policy ─> model ─> [config ─> yaml] ─> [error | ids | clock | text]
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | [`error`] | the one error: whose fault, where, what to do; its exit code, gRPC status, SQLSTATE |
//! | [`ids`], [`clock`] | names for identities; time, injected |
//! | [`text`] | what people write, understood: numbers, dates, phone numbers, names, addresses, money. Pure |
//! | [`yaml`] | documents that people write, with every fault located |
//! | [`config`] | every setting once |
//! | [`model`] | dimensions, facts, cubes, measures: what the numbers mean. Pure |
//! | [`policy`] | who asks, and what they may read. Pure |
//! | [`query`] | from a cube query, or SQL over a cube, to a plan over stored tables. Pure |
//! | [`store`] | Delta tables, releases, the operational log: the only place that knows paths |
//! | [`engine`] | sessions, SQL, scans, execution: the only place that builds a DataFusion session |
//! | [`aggregate`] | which cuboids are kept and are worth keeping, and building them |
//! | [`etl`] | jobs: sources, cleaning rules, matching, keys, history, runs |
//! | [`sample`] | the sample warehouse's generator, its truth and its questions |
//! | [`server`] | Arrow Flight SQL. Adapters only |
//! | [`traces`] | what the operational log records, as OpenTelemetry traces |
//! | [`cli`] | a file a command, and the composition root |
//!
//! # What always holds
//!
//! 1. A query sees exactly one release, from its first byte to its last
//!    ([`engine::Session`] is bound to one).
//! 2. An aggregate answers only if it belongs to that release and provably gives the facts' answer.
//! 3. A load that fails, is killed or is repeated changes nothing that a reader sees: nothing is
//!    visible before [`store::Load::publish`], and publishing is one atomic step.
//! 4. Facts never vanish. A key that no member has goes to the unknown member, a bad row to
//!    quarantine with its reason.
//! 5. What does not add up ([`model::MeasureKind`]) is computed anew at every total, never summed.
//! 6. Adapters plan nothing: the terminal, Flight SQL and tests all ask [`engine`], and get the
//!    same answer.
//! 7. [`model`] and [`query`] do no I/O and know no runtime.
//! 8. Every plan has a principal and a release; what may be read is decided on the plan, never on
//!    the text of a question.
//! 9. Only [`cli`] reads the machine's clock; everybody else is given a [`clock::Clock`].
//! 10. Nobody is told only the first fault of what they wrote ([`yaml::Faults`]).
//!
//! # Where is ..., and how do I add ...?
//!
//! * *slice, dice, roll-up, pivot, top*: [`query`], a file a verb; their form is
//!   [`query::CubeQuery`].
//! * *`MEASURE(...)` and its `AT` in SQL*: parsed by the dialect in [`engine`], resolved by
//!   [`query::resolve_cubes`]; what would be a wrong number is refused in `query/safe.rs`;
//!   `docs/cubes-in-sql.md` is what users read of it.
//! * *the star scan*, a fact joined to its dimensions as one operator: `engine/star/`, which has a
//!   map of its own.
//! * *a setting*: an entry of [`config::SETTINGS`].
//! * *a key in a model's YAML*: [`model::document`] for its form, the file of its kind beside
//!   [`model::load`] for its rules, a case in `tests/model/` for its faults.
//! * *a kind of measure*: [`model::MeasureKind`]; the compiler then leads from place to place.
//! * *measures made of others by a template* (last year, year to date): `model/load/template.rs`;
//!   `docs/templates.md` is what users read of it.
//! * *events that others follow* (conversions): [`model::Followed`], asked in `query/followed.rs`;
//!   `docs/conversions.md`.
//! * *sets of members*: `query/named_set.rs`; shown as one member (calculated members): `query/calculated.rs`;
//!   `docs/calculated-members.md`.
//! * *axes* beyond rows and columns, members with all below them: `query/layout.rs`; `docs/cube-queries.md`.
//! * *the order of members* by another column: `query/ordered.rs`; `docs/cube-queries.md`.
//! * *several members a row* (bridges, ancestors): [`model::Bridge`], loaded by `etl/load/bridge.rs` and
//!   `etl/load/closure.rs`, asked in `query/linked.rs`; `docs/many-to-many.md` is what users read of it.
//! * *combinations of flags or bands* (junk and mini-dimensions): `etl/load/junk.rs` and
//!   `etl/load/mini.rs`, both over `etl/load/combined.rs`; `docs/mini-and-junk-dimensions.md`.
//! * *a source*: a file in `etl/source/`, which says how, and a variant of [`etl::job::From`].
//! * *a secret*: [`etl::job::Secret`].
//! * *a place that files are fetched from*: a file in `etl/source/files/`; who is let in there, and
//!   how patiently: [`etl::job::Access`].
//! * *what a source may do that was not agreed on*: [`etl::job::Contract`], compared in
//!   `etl/contract.rs`.
//! * *a cleaning rule*: a file in `etl/clean/` and a variant of [`etl::job::Rule`]; as a SQL function, an
//!   entry in `engine/functions/rules.rs`; `docs/cleaning.md` is what users read of both.
//! * *one row a key*: `etl/deduplicate.rs` and `etl/survivors.rs` while a source is read,
//!   `etl/transform/one_a_key.rs` in SQL for all sources of a job.
//! * *what quarantine keeps of a row*: [`etl::quarantine`], [`etl::replay`]; `docs/quarantine.md`.
//! * *values looked up in other data*: [`etl::job::Lookup`] and [`etl::job::MustExist`], read by
//!   `etl/references.rs`, held by `etl/listed.rs`.
//! * *tables that users write* (`CREATE TABLE sandbox.x`, ingestion): [`etl::sandbox`]; those of a
//!   session alone: `engine/temporary.rs`.
//! * *Substrait plans* in place of SQL, with the feature of that name: `engine/substrait/`;
//!   `docs/clients/substrait.md`.
//! * *answers in several endpoints, and how far they are*: `server/flight_sql/kept.rs` and
//!   `endpoints.rs`; `docs/clients/sessions.md` is what users read of it.
//! * *how records of one person are found*: [`etl::matching`], which has a map of its own; a way of
//!   comparing is a variant of [`etl::job::matching::Kind`].
//! * *an expectation*: [`model::Check`] for what can be expected, `etl/quality.rs` for how it is
//!   looked at; what was found is `system.quality`.
//! * *history*: the kernel is `etl/load/scd/`, pure; facts follow late changes in
//!   `etl/load/repoint.rs`.
//! * *jobs at once, tried again, resumed*: `etl/run/together.rs` and what it names.
//! * *an export that is the same to the byte every time*: `engine/repeatable.rs` for the question,
//!   `cli/export/` for the file; `docs/mining.md`, where scores come back, too.
//! * *a person erased from all releases*: [`etl::erase`].
//! * *which column comes from which*: [`etl::lineage`], read off plans by `engine/lineage.rs`.
//! * *advice on aggregates*: [`aggregate::advise`], which has a map of its own; what a warehouse keeps by
//!   itself: [`aggregate::automatic`], after a load `etl/run/automatic.rs`; `docs/aggregates.md` is what
//!   users read of both.
//! * *a state that can be put together* (different values, percentiles): `query/sketch.rs`.
//! * *runs by the clock*: [`etl::schedule`]; *tests of a project's jobs*: [`etl::fixtures`].
//! * *an option of a session* (`SET`, Flight's session options): an entry of
//!   [`engine::SESSION_OPTIONS`].
//! * *a bound on what may be asked*: `engine/sql/limits.rs` and `relations.rs` for the text,
//!   `engine/size.rs` for the plan, `engine/bounded.rs` for functions; `tests/it/hostile/` tries to get around them.
//! * *a system table*: a file in `engine/system/`.
//! * *a command*: a file in `cli/` and a variant of its `Command`.
//! * *the moment of commit*: [`store::Load::publish`]; the steps at which tests kill it:
//!   [`store::failpoint`]; what a power loss leaves: `store/journal.rs`.
//! * *a benchmark*: a folder in `benches/`, with its peers.

pub mod aggregate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod etl;
pub mod ids;
pub mod model;
pub mod policy;
pub mod query;
pub mod sample;
pub mod server;
pub mod store;
pub mod text;
pub mod traces;
pub mod yaml;
