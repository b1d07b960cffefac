"""Random statements: where rows come from, and what is asked of them.

Every statement has one right answer: its rows are a multiset, or a list where it ends in an ORDER BY
over all of its columns. Columns are named c0, c1, ... so that any query can stand in another one's FROM.
"""

from collections import namedtuple
from dataclasses import dataclass
from random import Random

from expressions import KINDS, Column, Expressions

JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")

Relation = namedtuple("Relation", "sql columns")


@dataclass(frozen=True)
class Query:
    """A query, the kinds of its columns, and whether its rows come in one order only."""

    sql: str
    kinds: tuple
    ordered: bool = False

    def comparable(self):
        """Whether rows can be told apart and put in order, which doubles cannot (see expressions.py)."""
        return "double" not in self.kinds


class Statements:
    """The statements of a seed: each comes from the seed and its own number, so that any one of them can
    be had again without the others."""

    def __init__(self, tables, literals, seed):
        self.tables = tables
        self.literals = literals
        self.seed = seed

    def statement(self, number):
        self.random = Random(f"{self.seed}:{number}")
        self.make = Expressions(self.random, self.literals, self.table)
        self.names = 0
        self.common = []
        if self.make.chance(0.15):
            return self.with_common_tables()
        query = self.query(2)
        return self.in_order(query) if query.comparable() and self.make.chance(0.3) else query

    def with_common_tables(self):
        tables = []
        for _ in range(self.random.randint(1, 2)):
            query, name = self.query(1), self.name("w")
            tables.append(f"{name} AS ({query.sql})")
            self.common.append((name, query.kinds))
        query = self.query(1)
        return Query(f"WITH {', '.join(tables)} {query.sql}", query.kinds)

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    # Where rows come from.

    def table(self):
        """A table, or what an earlier WITH named."""
        if self.common and self.make.chance(0.6):
            name, kinds = self.make.pick(self.common)
            alias = self.name("w")
            return Relation(f"{name} AS {alias}", columns_of(alias, kinds))
        name, alias = self.make.pick(sorted(self.tables)), self.name("t")
        columns = [Column(f"{alias}.{column}", kind) for column, kind in self.tables[name]]
        return Relation(f"{name} AS {alias}", columns)

    def relation(self, depth):
        form = self.random.random()
        if form < 0.4 or depth == 0:
            return self.table()
        if form < 0.6:
            return self.derived(depth - 1)
        if form < 0.65:
            return self.values()
        if form < 0.7:
            return self.joined_using()
        return self.joined(depth - 1)

    def derived(self, depth):
        query, alias = self.query(depth), self.name("q")
        if query.comparable() and self.make.chance(0.2):
            query = self.in_order(query)
        return Relation(f"({query.sql}) AS {alias}", columns_of(alias, query.kinds))

    def values(self):
        kinds, alias = self.kinds(2), self.name("v")
        rows = [self.row(kinds) for _ in range(self.random.randint(1, 4))]
        # The first row says which types the columns have.
        rows[0] = ", ".join(self.make.literal(kind) for kind in kinds)
        names = ", ".join(f"c{i}" for i in range(len(kinds)))
        rows = ", ".join(f"({row})" for row in rows)
        return Relation(f"(VALUES {rows}) AS {alias}({names})", columns_of(alias, kinds))

    def row(self, kinds):
        return ", ".join("NULL" if self.make.chance(0.3) else self.make.literal(kind) for kind in kinds)

    def joined(self, depth):
        a, b = self.relation(depth), self.relation(0)
        if "dim_date" in a.sql and "dim_date" in b.sql:
            # Its 1,463 rows by themselves would be all that such a statement is about.
            return a
        columns = a.columns + b.columns
        pairs = keys_of(a, b)
        # Keys of one name meet more often than any two columns of a kind.
        pairs += 5 * [(x, y) for x, y in pairs if x.sql.split(".")[-1] == y.sql.split(".")[-1]]
        if not pairs:
            return a
        x, y = self.make.pick(pairs)
        join, condition = self.make.pick(JOINS), f"{x.sql} = {y.sql}"
        if join != "FULL JOIN" and self.make.chance(0.4):
            # DuckDB joins FULL by equality only.
            condition += f" AND {self.make.condition(columns, 1, subqueries=False)}"
        return Relation(f"{a.sql} {join} {b.sql} ON {condition}", columns)

    def joined_using(self):
        """A join whose key is one column, of either side."""
        (a, b), alias = self.random.sample(sorted(self.tables), 2), self.name("u")
        left, right = dict(self.tables[a]), dict(self.tables[b])
        keys = [name for name in left if name in right]
        if not keys:
            return self.table()
        join, key = self.make.pick(JOINS), self.make.pick(keys)
        sides = {**left, **right}
        others = [name for name in sides if (name in left) != (name in right)]
        names = [key, *self.random.sample(others, min(len(others), 3))]
        chosen = ", ".join(f"{name} AS c{i}" for i, name in enumerate(names))
        kinds = tuple(sides[name] for name in names)
        where = ""
        if self.make.chance(0.4):
            columns = [Column(name, sides[name]) for name in names]
            where = f" WHERE {self.make.condition(columns, 1, subqueries=False)}"
        sql = f"SELECT {chosen} FROM {a} {join} {b} USING ({key}){where}"
        return Relation(f"({sql}) AS {alias}", columns_of(alias, kinds))

    # What is asked of them.

    def query(self, depth):
        form = self.random.random()
        if form < 0.35:
            return self.grouped(depth)
        if form < 0.5:
            return self.windowed(depth)
        if form < 0.62:
            return self.combined(depth)
        return self.selected(depth, self.kinds(4))

    def kinds(self, most):
        return tuple(self.make.pick(KINDS) for _ in range(self.random.randint(1, most)))

    def where(self, relation):
        return f" WHERE {self.make.condition(relation.columns)}" if self.make.chance(0.6) else ""

    def selected(self, depth, kinds):
        relation = self.relation(depth)
        # Subqueries among the columns are what DataFusion cannot plan: seldom, for they are known limits.
        values = [self.scalar_subquery(relation) if kind == "int" and self.make.chance(0.05)
                  else self.make.value(relation.columns, kind) for kind in kinds]
        distinct = "DISTINCT " if self.make.chance(0.25) else ""
        return Query(f"SELECT {distinct}{named(values)} FROM {relation.sql}{self.where(relation)}", kinds)

    def scalar_subquery(self, outer):
        inner = self.table()
        pairs = keys_of(outer, inner)
        correlated = f" WHERE {' = '.join(side.sql for side in self.make.pick(pairs))}" if pairs else ""
        ints = [column.sql for column in inner.columns if column.kind == "int"] or ["1"]
        aggregate = self.make.pick(("count(*)", f"max({self.make.pick(ints)})", f"sum({self.make.pick(ints)})"))
        return f"(SELECT {aggregate} FROM {inner.sql}{correlated})"

    def combined(self, depth):
        """Two queries of the same kinds of columns, or three."""
        kinds = self.kinds(2)
        queries = [self.selected(min(depth, 1), kinds).sql for _ in range(self.random.randint(2, 3))]
        operators = ("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
        sql = queries[0]
        for query in queries[1:]:
            sql = f"{sql} {self.make.pick(operators)} {query}"
        return Query(sql, kinds)

    def grouped(self, depth):
        relation = self.relation(depth)
        keys = self.keys(relation)
        columns, group = list(keys), ""
        if keys:
            plain, sets = ", ".join(key.sql for key in keys), self.grouping_sets(keys)
            group = f" GROUP BY {sets or plain}"
        if keys and sets:
            columns.append(Column(f"grouping({self.make.pick(keys).sql})", "int"))
            if self.make.chance(0.3):
                columns.append(Column(f"grouping({plain})", "int"))
        aggregates = [self.aggregate(relation.columns) for _ in range(self.random.randint(0 if keys else 1, 3))]
        columns += aggregates
        exact = [column for column in [*keys, *aggregates] if column.kind != "double"]
        if exact and self.make.chance(0.3):
            kind = self.make.pick(exact).kind
            columns.append(Column(self.make.value(exact, kind, 1), kind))
        having = ""
        if exact and self.make.chance(0.25):
            having = f" HAVING {self.make.condition(exact, 1, subqueries=False)}"
        sql = f"SELECT {named(column.sql for column in columns)} FROM {relation.sql}{self.where(relation)}"
        return Query(f"{sql}{group}{having}", tuple(column.kind for column in columns))

    def keys(self, relation):
        keys = {}
        for _ in range(self.random.randint(0, 3)):
            column = self.make.pick(relation.columns)
            if column.kind == "double":
                continue
            if self.make.chance(0.3):
                column = Column(self.make.value(relation.columns, column.kind, 1), column.kind)
            # A key without a column would be a constant: a column's number, to GROUP BY.
            if any(own.sql in column.sql for own in relation.columns):
                keys[column.sql] = column
        return list(keys.values())

    def grouping_sets(self, keys):
        """Totals of the keys, beside each other; nothing where one grouping is enough."""
        names = [key.sql for key in keys]
        plain, first, last = ", ".join(names), names[0], names[-1]
        if self.make.chance(0.5):
            return None
        return self.make.pick((
            f"ROLLUP ({plain})",
            f"CUBE ({plain})",
            f"GROUPING SETS (({plain}), ({first}), ())",
            f"GROUPING SETS (({last}), ({plain}))",
            f"GROUPING SETS (({first}), ({plain}), ({first}))",
        ))

    def aggregate(self, columns):
        kind = self.make.pick([column.kind for column in columns if column.kind in KINDS] or ["int"])
        value = self.make.value(columns, kind, 1)
        forms = [("count(*)", "int"), (f"count({value})", "int"), (f"count(DISTINCT {value})", "int")]
        if kind in ("int", "number"):
            # DuckDB's mean of decimals is a double, PostgreSQL's and ours a decimal.
            as_double = f"CAST({value} AS DOUBLE)"
            forms += [(f"sum({value})", kind), (f"sum(DISTINCT {value})", kind), (f"avg({as_double})", "double")]
            forms += [(f"{self.make.pick(('stddev_pop', 'var_samp'))}({as_double})", "double")]
        if kind == "flag":
            forms += [(f"{self.make.pick(('bool_and', 'bool_or'))}({value})", kind)] * 2
        else:
            forms += [(f"{self.make.pick(('min', 'max'))}({value})", kind)] * 2
        if kind == "text":
            forms += [(f"string_agg({value}, '+' ORDER BY {value})", kind)]
        sql, kind = self.make.pick(forms)
        if self.make.chance(0.2):
            sql += f" FILTER (WHERE {self.make.condition(columns, 1, subqueries=False)})"
        return Column(sql, kind)

    def windowed(self, depth):
        """Window functions in an order of all columns: rows that tie there are the same in everything."""
        relation = self.relation(min(depth, 1))
        columns = [column for column in relation.columns if column.kind != "double"]
        if not columns or len(columns) > 6:
            return self.selected(depth, self.kinds(4))
        values = [Column(self.make.value(columns, kind, 1), kind) for kind in self.kinds(2)]
        # One only: which of the tied rows comes first may differ from one function to the next.
        values.append(self.window(columns))
        sql = f"SELECT {named(value.sql for value in values)} FROM {relation.sql}{self.where(relation)}"
        query = Query(sql, tuple(value.kind for value in values))
        if query.comparable() and self.make.chance(0.1):
            return Query(f"{sql} QUALIFY row_number() OVER ({self.order(columns)}) <= 3", query.kinds)
        return query

    def window(self, columns):
        kind = self.make.pick(columns).kind
        value = self.make.value(columns, kind, 1)
        aggregate = self.aggregate(columns)
        ranks = self.make.pick(("row_number()", "rank()", "dense_rank()", "ntile(3)"))
        shares = self.make.pick(("percent_rank()", "cume_dist()"))
        # DuckDB rounds the default to the digits of a decimal value.
        default = "" if kind == "number" else f", {self.make.literal(kind)}"
        shifted = self.make.pick((f"lag({value})", f"lead({value}, 2)", f"lag({value}, 1{default})"))
        framed = self.make.pick((f"first_value({value})", f"last_value({value})", f"nth_value({value}, 2)"))
        # Ranks and shifts see the whole partition, others a frame of it.
        function, kind, has_frame = self.make.pick((
            (ranks, "int", False), (shares, "double", False), (shifted, kind, False), (framed, kind, True),
            (aggregate.sql, aggregate.kind, True), (aggregate.sql, aggregate.kind, True),
        ))
        if any(name in function for name in ("DISTINCT", "string_agg", "stddev", "var_")):
            # Not over frames; and of a frame that slides, deviations are off from the seventh digit on.
            function, kind = "count(*)", "int"
        over = []
        if self.make.chance(0.5):
            over.append(f"PARTITION BY {self.make.value(columns, self.make.pick(columns).kind, 1)}")
        over.append(self.order(columns))
        if has_frame and self.make.chance(0.7):
            over.append(self.frame())
        return Column(f"{function} OVER ({' '.join(over)})", kind)

    def frame(self):
        start = self.make.pick(("UNBOUNDED PRECEDING", "2 PRECEDING", "1 PRECEDING", "CURRENT ROW"))
        end = self.make.pick(("CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"))
        return f"{self.make.pick(('ROWS', 'ROWS', 'GROUPS'))} BETWEEN {start} AND {end}"

    def order(self, columns):
        """Of all of the columns; that of NULLs is written out, or left to the rule of PostgreSQL."""
        chosen = self.random.sample(columns, len(columns))
        nulls = ("", " NULLS FIRST", " NULLS LAST")
        keys = [f"{column.sql}{self.make.pick(('', ' DESC'))}{self.make.pick(nulls)}" for column in chosen]
        return f"ORDER BY {', '.join(keys)}"

    def in_order(self, query):
        columns = [Column(f"c{i}", kind) for i, kind in enumerate(query.kinds)]
        limit = f" LIMIT {self.random.randint(0, 9)}" if self.make.chance(0.7) else ""
        offset = f" OFFSET {self.random.randint(0, 3)}" if limit and self.make.chance(0.3) else ""
        return Query(f"{query.sql} {self.order(columns)}{limit}{offset}", query.kinds, ordered=True)


def keys_of(a, b):
    """Pairs of columns that relations may be joined by."""
    return [(x, y) for x in a.columns for y in b.columns if x.kind == y.kind and x.kind in ("int", "text")]


def columns_of(alias, kinds):
    return [Column(f"{alias}.c{i}", kind) for i, kind in enumerate(kinds)]


def named(values):
    return ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
