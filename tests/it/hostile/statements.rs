//! Statements that nobody means well by: by chance out of everything SQL has, and by design.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values at the ends of their types, and of what functions expect.
const VALUES: [&str; 44] = [
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "7",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1.5",
    "-0.0",
    "1e308",
    "1e-320",
    "CAST('NaN' AS DOUBLE)",
    "CAST('-inf' AS DOUBLE)",
    "CAST(99999999999999999999999999999999999999 AS DECIMAL(38, 0))",
    "CAST(0.01 AS DECIMAL(12, 2))",
    "''",
    "'x'",
    "'naïve 东京'",
    "'%'",
    "'a.*(b'",
    "'2024-02-29'",
    "'Asia/Kolkata'",
    "'day'",
    "true",
    "false",
    "DATE '9999-12-31'",
    "DATE '0001-01-01'",
    "DATE '2024-02-29'",
    "TIMESTAMP '2262-04-11 23:47:16'",
    "TIMESTAMP '1677-09-21 00:12:44'",
    "TIMESTAMP '2024-03-31 02:30:00'",
    "INTERVAL '1 month'",
    "INTERVAL '178956970 years'",
    "INTERVAL '-2147483648 days'",
    "INTERVAL '1 nanosecond'",
    "X'00ff'",
    "[1, 2, NULL]",
    "[]",
    "['a', 'b']",
    "CAST('12:34:56' AS TIME)",
    "struct(1, 'a')",
];

const COLUMNS: [&str; 10] = [
    "store_key",
    "receipt_no",
    "line_no",
    "quantity",
    "net_amount",
    "weight_kg",
    "sold_on",
    "sold_at",
    "gift",
    "remark",
];

const OPERATORS: [&str; 24] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "||",
    "LIKE",
    "ILIKE",
    "~",
    "!~*",
    "IS DISTINCT FROM",
    "&",
    "|",
    "<<",
    ">>",
    "SIMILAR TO",
    "@>",
    "NOT LIKE",
];

const TYPES: [&str; 16] = [
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "BIGINT UNSIGNED",
    "REAL",
    "DOUBLE",
    "DECIMAL(5, 2)",
    "DECIMAL(38, 10)",
    "VARCHAR",
    "DATE",
    "TIMESTAMP",
    "TIME",
    "BOOLEAN",
    "BYTEA",
    "INT[]",
];

/// Statements by chance.
pub(crate) struct Random {
    chance: ChaCha8Rng,
    functions: Vec<String>,
}

impl Random {
    /// The same statements for the same seed and functions.
    pub(crate) fn new(seed: u64, functions: Vec<String>) -> Self {
        Self { chance: ChaCha8Rng::seed_from_u64(seed), functions }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.chance).unwrap()
    }

    fn several(&mut self, most: usize, depth: usize) -> String {
        let count = self.chance.random_range(0..=most);
        let many: Vec<String> = (0..count).map(|_| self.expression(depth)).collect();
        many.join(", ")
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.chance.random_range(0..3) {
                0 => self.pick(&COLUMNS).to_owned(),
                _ => self.pick(&VALUES).to_owned(),
            };
        }
        let inner = depth - 1;
        match self.chance.random_range(0..16) {
            0..6 => {
                let function = self.functions.choose(&mut self.chance).unwrap().clone();
                format!("{function}({})", self.several(4, inner))
            }
            6..9 => {
                let operator = self.pick(&OPERATORS);
                format!("({} {operator} {})", self.expression(inner), self.expression(inner))
            }
            9 => format!("CAST({} AS {})", self.expression(inner), self.pick(&TYPES)),
            10 => format!("{}::{}", self.expression(0), self.pick(&TYPES)),
            11 => {
                let (when, then) = (self.expression(inner), self.expression(inner));
                format!("CASE WHEN {when} THEN {then} ELSE {} END", self.expression(inner))
            }
            12 => format!("{} IN ({})", self.expression(inner), self.several(5, inner)),
            13 => {
                let function = self.functions.choose(&mut self.chance).unwrap().clone();
                let (partition, order) = (self.expression(inner), self.expression(0));
                let frame = self.pick(&[
                    "",
                    "ROWS BETWEEN 9223372036854775807 PRECEDING AND CURRENT ROW",
                    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                    "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
                ]);
                let arguments = self.several(2, 0);
                format!(
                    "{function}({arguments}) OVER (PARTITION BY {partition} ORDER BY {order} {frame})"
                )
            }
            14 => format!("(SELECT {} FROM dim_store LIMIT 1)", self.expression(0)),
            _ => format!(
                "EXTRACT({} FROM {})",
                self.pick(&["year", "epoch", "dow"]),
                self.expression(inner)
            ),
        }
    }

    fn source(&mut self, depth: usize) -> String {
        let plain = self.pick(&[
            "fact_sales",
            "warehouse.fact_sales",
            "cubes.sales",
            "dim_store",
            "system.releases",
            "generate_series(1, 1000) AS t(n)",
            "(VALUES (1, 'a'), (2, NULL)) AS v(a, b)",
            "unnest([1, 2, 3]) AS u(n)",
            "fact_sales VERSION AS OF 1",
            "nowhere",
        ]);
        match (depth, self.chance.random_range(0..5)) {
            (1.., 0) => format!("({}) AS s", self.select(depth - 1)),
            (1.., 1) => {
                let join =
                    self.pick(&["JOIN", "LEFT JOIN", "FULL JOIN", "CROSS JOIN", "SEMI JOIN"]);
                let on = if join == "CROSS JOIN" {
                    String::new()
                } else {
                    format!("ON {}", self.expression(1))
                };
                format!("fact_sales {join} dim_store USING_ {on}").replace("USING_", "AS d")
            }
            _ => plain.to_owned(),
        }
    }

    fn select(&mut self, depth: usize) -> String {
        let columns = format!("{}, {}", self.expression(depth), self.expression(depth));
        let mut text = format!("SELECT {columns} FROM {}", self.source(depth));
        if self.chance.random_bool(0.4) {
            text += &format!(" WHERE {}", self.expression(depth));
        }
        if self.chance.random_bool(0.3) {
            let grouping =
                self.pick(&["{}", "ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), ())"]);
            text += &format!(" GROUP BY {}", grouping.replace("{}", &self.expression(0)));
        }
        if self.chance.random_bool(0.2) {
            text += &format!(" ORDER BY {}", self.expression(1));
        }
        if self.chance.random_bool(0.3) {
            text += &format!(" LIMIT {}", self.pick(&["0", "3", "9223372036854775807"]));
        }
        text
    }

    /// The next statement.
    pub(crate) fn statement(&mut self) -> String {
        let select = self.select(3);
        match self.chance.random_range(0..12) {
            0 => format!("EXPLAIN {select}"),
            1 => format!("WITH s AS ({select}) SELECT * FROM s, s AS t"),
            2 => format!("{select} UNION ALL {}", self.select(2)),
            3 => self.torn(select),
            4 => self.designed(),
            _ => select,
        }
    }

    /// A statement that a careless hand has cut, doubled or mixed.
    fn torn(&mut self, text: String) -> String {
        let letters: Vec<char> = text.chars().collect();
        let (one, other) = (
            self.chance.random_range(0..letters.len()),
            self.chance.random_range(0..letters.len()),
        );
        let (from, to) = (one.min(other), one.max(other));
        let part = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
        match self.chance.random_range(0..4) {
            0 => part(0, from),
            1 => part(0, to) + &part(from, letters.len()),
            2 => {
                part(0, from)
                    + self.pick(&["'", "\"", "/*", "--", "\0", "$1", "?", ";", "(", "\u{202e}"])
                    + &part(to, letters.len())
            }
            _ => part(from, to),
        }
    }

    /// One of the designs, of some size.
    fn designed(&mut self) -> String {
        let size = *[3, 30, 300, 1_500].choose(&mut self.chance).unwrap();
        let designs = designs(size);
        designs.choose(&mut self.chance).unwrap().clone()
    }
}

/// Statements that ask for more than a server has, of a size.
pub(crate) fn designs(size: usize) -> Vec<String> {
    let listed = |text: &str, by: &str| vec![text; size].join(by);
    let numbered =
        |text: &dyn Fn(usize) -> String, by: &str| (0..size).map(text).collect::<Vec<_>>().join(by);
    let facts = numbered(&|n| format!("fact_sales f{n}"), ", ");
    vec![
        format!("SELECT {}", listed("1", " + ")),
        format!("SELECT {}", listed("quantity", " + ") + " FROM fact_sales"),
        format!("SELECT 1 FROM fact_sales WHERE {}", numbered(&|n| format!("quantity = {n}"), " OR ")),
        format!("SELECT {}1{}", "(".repeat(size), ")".repeat(size)),
        format!("SELECT {}", "abs(".repeat(size) + "1" + &")".repeat(size)),
        format!("SELECT {}1", "NOT ".repeat(size)),
        format!("SELECT '{}'", "x".repeat(size * 1_000)),
        format!("SELECT '{}', n FROM generate_series(1, 20000) AS t(n)", "x".repeat(size * 1_000)),
        format!("SELECT {}", "9".repeat(size * 10)),
        format!("SELECT count(*) FROM {facts}"),
        format!("SELECT * FROM {facts} ORDER BY 1"),
        "SELECT count(*) FROM generate_series(1, 1000000000000)".to_owned(),
        "SELECT sum(value) OVER () FROM generate_series(1, 1000000000000) AS t(value)".to_owned(),
        "SELECT value, row_number() OVER (ORDER BY value DESC) FROM generate_series(1, 1000000000000) AS t(value)".to_owned(),
        "SELECT * FROM generate_series(1, 1000000000000) AS t(n) ORDER BY n % 7, n DESC".to_owned(),
        "SELECT array_agg(n) FROM generate_series(1, 1000000000000) AS t(n)".to_owned(),
        "SELECT string_agg('xxxxxxxxxxxxxxxx', ',') FROM generate_series(1, 1000000000000)".to_owned(),
        "SELECT count(DISTINCT n) FROM generate_series(1, 1000000000000) AS t(n)".to_owned(),
        "SELECT generate_series(1, 1000000000000)".to_owned(),
        "SELECT range(DATE '0001-01-01', DATE '2200-01-01', INTERVAL '1 nanosecond')".to_owned(),
        "SELECT unnest(range(1, 1000000000000))".to_owned(),
        "SELECT array_repeat([1, 2, 3], 1000000000)".to_owned(),
        "SELECT array_resize([1], 1000000000000, 0)".to_owned(),
        "SELECT repeat('x', 2000000000)".to_owned(),
        "SELECT repeat(repeat(repeat('xx', 10000), 10000), 10000)".to_owned(),
        "SELECT length(lpad(remark, 2000000000)) FROM fact_sales".to_owned(),
        "SELECT replace(repeat('a', 100000), 'a', repeat('b', 1000000))".to_owned(),
        "SELECT repeat('x', 60000000), n FROM generate_series(1, 100000) AS t(n)".to_owned(),
        format!("SELECT length({}) FROM (SELECT repeat('x', 100000) AS s)", listed("s", " || ")),
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r".to_owned(),
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT r.n + s.n FROM r, r AS s) SELECT * FROM r".to_owned(),
        "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r".to_owned(),
        format!(
            "WITH c0 AS (SELECT 1 AS x){} SELECT count(*) FROM c{size}",
            (1..=size).map(|n| format!(", c{n} AS (SELECT a.x FROM c{p} a, c{p} b)", p = n - 1)).collect::<String>()
        ),
        format!(
            "WITH c0 AS (SELECT repeat('x', 100) AS x){} SELECT length(x) FROM c{size}",
            (1..=size).map(|n| format!(", c{n} AS (SELECT x || x AS x FROM c{})", n - 1)).collect::<String>()
        ),
        format!("SELECT 1 IN ({})", numbered(&|n| n.to_string(), ", ")),
        format!("SELECT * FROM fact_sales WHERE receipt_no IN ({})", numbered(&|n| format!("'R{n}'"), ", ")),
        format!("SELECT * FROM (VALUES {}) AS v", numbered(&|n| format!("({n}, 'x')"), ", ")),
        format!("SELECT {} FROM fact_sales", numbered(&|n| format!("quantity + {n} AS c{n}"), ", ")),
        format!("SELECT {} FROM fact_sales", numbered(&|n| format!("sum(quantity + {n})"), ", ")),
        format!("SELECT {} FROM fact_sales GROUP BY CUBE (store_key, receipt_no, line_no, quantity, net_amount, weight_kg, sold_on, sold_at, gift, remark)", "count(*)"),
        format!("SELECT CASE {} END FROM fact_sales", numbered(&|n| format!("WHEN quantity = {n} THEN {n}"), " ")),
        listed("SELECT 1", " UNION ALL "),
        listed("SELECT quantity FROM fact_sales", " INTERSECT "),
        format!("SELECT 1 FROM fact_sales {}", numbered(&|n| format!("JOIN fact_sales j{n} ON j{n}.quantity = fact_sales.quantity"), " ")),
        "SELECT 1".to_owned() + &" FROM (SELECT 1".repeat(size) + &")".repeat(size),
        "EXPLAIN ".repeat(size) + "SELECT 1",
        format!("SELECT CAST(NULL AS INT{})", "[]".repeat(size)),
        format!("SELECT regexp_like('{}', '(a{{50}}){{50}}(a{{50}}){{50}}(.*)*b')", "a".repeat(size)),
        format!("SELECT 'x' LIKE '{}'", "%_".repeat(size)),
        format!("SELECT \"{}\" FROM fact_sales", "n".repeat(size * 100)),
        format!("SELECT levenshtein(repeat('a', {size}000), repeat('b', {size}000))"),
        format!("SELECT {} FROM cubes.sales GROUP BY store.city", numbered(&|n| format!("MEASURE(revenue) AT (ALL city) AS m{n}"), ", ")),
        format!("SELECT MEASURE(revenue) {} FROM cubes.sales", "AT (ALL city) ".repeat(size)),
        format!("INSERT INTO sandbox.t VALUES {}", listed("(1)", ", ")),
        format!("CREATE TABLE sandbox.wide AS SELECT {}", numbered(&|n| format!("{n} AS c{n}"), ", ")),
        "SELECT CAST('9999-12-31' AS DATE) + INTERVAL '178956970 years'".to_owned(),
        "SELECT sold_at + INTERVAL '9223372036854775807 nanoseconds' FROM fact_sales".to_owned(),
        "SELECT * FROM fact_sales VERSION AS OF 18446744073709551616".to_owned(),
        "SELECT * FROM fact_sales LIMIT 18446744073709551615 OFFSET 9223372036854775807".to_owned(),
    ]
}
