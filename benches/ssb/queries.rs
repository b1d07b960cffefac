//! The 13 queries, each as SQL on the star, as SQL on the cube, and as a cube query.
//!
//! A query is a flight's measure, its rows, and what it holds to; all three forms come from that,
//! so that they ask the same. The specification's `yearmonth` is the calendar's month, its week the
//! ISO week.

use starhouse::query::{CubeQuery, MemberRange, OrderBy, Slice};

/// A condition on a level or fact column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    /// One member.
    Text(&'static str),
    /// One number.
    Number(i64),
    /// One of two members.
    Either(&'static str, &'static str),
    /// Numbers from and to, inclusive.
    Between(i64, i64),
    /// Members from and to, inclusive.
    From(&'static str, &'static str),
}

/// One query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(crate) name: &'static str,
    measure: &'static str,
    /// Role and attribute.
    rows: &'static [(&'static str, &'static str)],
    /// Whether rows come by year and then by the measure, the largest first.
    by_measure: bool,
    holds: &'static [(&'static str, &'static str, Holds)],
}

use Holds::{Between, Either, From, Number, Text};

/// The role of the fact's own columns.
const FACT: &str = "f";

const YEAR: (&str, &str) = ("date", "year");
const BRAND: (&str, &str) = ("part", "brand");

/// All of them, in the order of the specification.
pub(crate) const QUERIES: [Query; 13] = [
    flight_1(
        "Q1.1",
        &[
            ("date", "year", Number(1993)),
            (FACT, "discount", Between(1, 3)),
            (FACT, "quantity", Between(1, 24)),
        ],
    ),
    flight_1(
        "Q1.2",
        &[
            ("date", "month", Text("1994-01")),
            (FACT, "discount", Between(4, 6)),
            (FACT, "quantity", Between(26, 35)),
        ],
    ),
    flight_1(
        "Q1.3",
        &[
            ("date", "week_of_year", Number(6)),
            ("date", "year", Number(1994)),
            (FACT, "discount", Between(5, 7)),
            (FACT, "quantity", Between(26, 35)),
        ],
    ),
    flight_2(
        "Q2.1",
        &[("part", "category", Text("MFGR#12")), ("supplier", "region", Text("AMERICA"))],
    ),
    flight_2(
        "Q2.2",
        &[("part", "brand", From("MFGR#2221", "MFGR#2228")), ("supplier", "region", Text("ASIA"))],
    ),
    flight_2(
        "Q2.3",
        &[("part", "brand", Text("MFGR#2239")), ("supplier", "region", Text("EUROPE"))],
    ),
    flight_3(
        "Q3.1",
        &[("customer", "nation"), ("supplier", "nation"), YEAR],
        &[
            ("customer", "region", Text("ASIA")),
            ("supplier", "region", Text("ASIA")),
            ("date", "year", Between(1992, 1997)),
        ],
    ),
    flight_3(
        "Q3.2",
        &[("customer", "city"), ("supplier", "city"), YEAR],
        &[
            ("customer", "nation", Text("UNITED STATES")),
            ("supplier", "nation", Text("UNITED STATES")),
            ("date", "year", Between(1992, 1997)),
        ],
    ),
    flight_3(
        "Q3.3",
        &[("customer", "city"), ("supplier", "city"), YEAR],
        &[
            ("customer", "city", Either("UNITED KI1", "UNITED KI5")),
            ("supplier", "city", Either("UNITED KI1", "UNITED KI5")),
            ("date", "year", Between(1992, 1997)),
        ],
    ),
    flight_3(
        "Q3.4",
        &[("customer", "city"), ("supplier", "city"), YEAR],
        &[
            ("customer", "city", Either("UNITED KI1", "UNITED KI5")),
            ("supplier", "city", Either("UNITED KI1", "UNITED KI5")),
            ("date", "month", Text("1997-12")),
        ],
    ),
    flight_4(
        "Q4.1",
        &[YEAR, ("customer", "nation")],
        &[
            ("customer", "region", Text("AMERICA")),
            ("supplier", "region", Text("AMERICA")),
            ("part", "manufacturer", Either("MFGR#1", "MFGR#2")),
        ],
    ),
    flight_4(
        "Q4.2",
        &[YEAR, ("supplier", "nation"), ("part", "category")],
        &[
            ("customer", "region", Text("AMERICA")),
            ("supplier", "region", Text("AMERICA")),
            ("date", "year", Between(1997, 1998)),
            ("part", "manufacturer", Either("MFGR#1", "MFGR#2")),
        ],
    ),
    flight_4(
        "Q4.3",
        &[YEAR, ("supplier", "city"), BRAND],
        &[
            ("customer", "region", Text("AMERICA")),
            ("supplier", "nation", Text("UNITED STATES")),
            ("date", "year", Between(1997, 1998)),
            ("part", "category", Text("MFGR#14")),
        ],
    ),
];

type Conditions = &'static [(&'static str, &'static str, Holds)];
type Names = &'static [(&'static str, &'static str)];

const fn flight_1(name: &'static str, holds: Conditions) -> Query {
    Query { name, measure: "discounted", rows: &[], by_measure: false, holds }
}

const fn flight_2(name: &'static str, holds: Conditions) -> Query {
    Query { name, measure: "total_revenue", rows: &[YEAR, BRAND], by_measure: false, holds }
}

/// Rows that tie in year and revenue come by their names, so that the order is total.
const fn flight_3(name: &'static str, rows: Names, holds: Conditions) -> Query {
    Query { name, measure: "total_revenue", rows, by_measure: true, holds }
}

const fn flight_4(name: &'static str, rows: Names, holds: Conditions) -> Query {
    Query { name, measure: "profit", rows, by_measure: false, holds }
}

impl Query {
    /// SQL on the stored tables, for every engine. `warehouse.` is where the tables are.
    pub(crate) fn star(&self) -> String {
        let measure = match self.measure {
            "discounted" => "sum(f.extended_price * f.discount)",
            "total_revenue" => "sum(f.revenue)",
            _ => "sum(f.revenue - f.supply_cost)",
        };
        let mut roles: Vec<&str> = Vec::new();
        let named = self.rows.iter().map(|(role, _)| *role);
        for role in named.chain(self.holds.iter().map(|(role, ..)| *role)) {
            if role != FACT && !roles.contains(&role) {
                roles.push(role);
            }
        }
        let joins: String = roles
            .iter()
            .map(|role| {
                format!(" JOIN warehouse.dim_{role} {role} ON f.{role}_key = {role}.{role}_key")
            })
            .collect();
        let column = |role: &str, name: &str| format!("{role}.{name}");
        self.sql(measure, &format!("warehouse.fact_lineorder f{joins}"), column)
    }

    /// SQL on the cube.
    pub(crate) fn cube_sql(&self) -> String {
        self.sql(&format!("MEASURE({})", self.measure), "cubes.ssb", cube_column)
    }

    /// SQL on a table that has the cube's columns, and the measure as a column of sums.
    #[allow(dead_code, reason = "only the benchmark of aggregates has such tables")]
    pub(crate) fn on_table(&self, table: &str) -> String {
        self.sql(&format!("sum({})::int8", self.measure), table, cube_column)
    }

    fn sql(&self, measure: &str, from: &str, column: impl Fn(&str, &str) -> String) -> String {
        let groups: Vec<String> = self.rows.iter().map(|(role, name)| column(role, name)).collect();
        let holds = self.holds.iter().map(|(role, name, holds)| {
            let column = column(role, name);
            match holds {
                Text(text) => format!("{column} = '{text}'"),
                Number(number) => format!("{column} = {number}"),
                Either(one, other) => format!("({column} = '{one}' OR {column} = '{other}')"),
                Between(from, to) => format!("{column} BETWEEN {from} AND {to}"),
                From(from, to) => format!("{column} BETWEEN '{from}' AND '{to}'"),
            }
        });
        let holds: Vec<String> = holds.collect();
        let select: Vec<String> =
            groups.iter().cloned().chain([format!("{measure} AS value")]).collect();
        let mut sql =
            format!("SELECT {} FROM {from} WHERE {}", select.join(", "), holds.join(" AND "));
        if !groups.is_empty() {
            let order = if self.by_measure {
                format!("{}, value DESC, ", column("date", "year"))
            } else {
                String::new()
            };
            let groups = groups.join(", ");
            sql += &format!(" GROUP BY {groups} ORDER BY {order}{groups}");
        }
        sql
    }

    /// The cube query.
    pub(crate) fn cube_query(&self) -> CubeQuery {
        let mut query = CubeQuery {
            cube: "ssb".to_owned(),
            rows: self.rows.iter().map(|(role, name)| cube_column(role, name)).collect(),
            measures: vec![self.measure.to_owned()],
            ..CubeQuery::default()
        };
        if self.by_measure {
            let by = |name: &str, descending| OrderBy {
                by: name.to_owned(),
                descending,
                ..OrderBy::default()
            };
            query.order = vec![by("year", false), by(self.measure, true)];
        }
        for (role, name, holds) in self.holds {
            let name = cube_column(role, name);
            let range = |from: serde_json::Value, to: serde_json::Value| {
                Slice::Range(MemberRange { from: Some(from), to: Some(to) })
            };
            match *holds {
                Text(text) => drop(query.slice.insert(name, text.into())),
                Number(number) => drop(query.slice.insert(name, number.into())),
                Either(one, other) => {
                    let members = Slice::Members(vec![one.into(), other.into()]);
                    query.dice.insert(name, members);
                }
                Between(from, to) => drop(query.dice.insert(name, range(from.into(), to.into()))),
                From(from, to) => drop(query.dice.insert(name, range(from.into(), to.into()))),
            }
        }
        query
    }
}

/// A column's name in the cube: two roles have cities, nations and regions.
fn cube_column(role: &str, name: &str) -> String {
    match (role, name) {
        ("customer" | "supplier", "city" | "nation" | "region") => format!("{role}_{name}"),
        _ => name.to_owned(),
    }
}
