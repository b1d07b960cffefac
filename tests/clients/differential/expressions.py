"""Random expressions: values and conditions over the columns at hand.

Every expression has a kind, which is what keeps statements meaningful: `int`, `text`, `number` (a
decimal), `flag` and `date`. A `double` only ever is an answer: its last digits depend on the order in
which rows are added up, so no condition, no order and no group may hang on it.

What is left out on purpose, because DuckDB and PostgreSQL differ in it and Starhouse goes with
PostgreSQL: `substr` from before the first character, `upper` of letters that have two forms, and
intervals that leave a timestamp behind (they are cast back to dates). Decimals are written as casts of
text, for a plain `7.50` is a double in Starhouse; doubles meet columns in comparisons only.
"""

from dataclasses import dataclass

KINDS = ("int", "text", "number", "flag", "date")
TYPES = {"int": "BIGINT", "text": "VARCHAR", "number": "DECIMAL(12, 2)", "flag": "BOOLEAN", "date": "DATE"}
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
PATTERNS = ("%", "", "a%", "%e", "%e%", "_%", "T__", "20%", "%-0%", "%''%", "R_-%", "%o_n%")


@dataclass(frozen=True)
class Column:
    """Something that has a value a row: a column's name, or what stands for one (`count(*)`)."""

    sql: str
    kind: str


class Expressions:
    """Expressions out of one source of randomness.

    `literals` are the values of the tables by kind, as SQL, so that comparisons meet something;
    `relation` gives a relation for a subquery to read.
    """

    def __init__(self, random, literals, relation):
        self.random = random
        self.literals = literals
        self.relation = relation

    def chance(self, share):
        return self.random.random() < share

    def pick(self, choices):
        return self.random.choice(choices)

    def maybe_not(self):
        return self.pick(("", "NOT "))

    def literal(self, kind):
        return self.pick(self.literals[kind])

    def value(self, columns, kind, depth=2):
        """An expression of the kind over the columns, nested at most so deep."""
        own = [column.sql for column in columns if column.kind == kind]
        if depth > 0 and self.chance(0.5):
            return self.computed(columns, kind, depth - 1)
        if own and self.chance(0.9):
            return self.pick(own)
        if depth > 0 and not own:
            return self.computed(columns, kind, depth - 1)
        return f"CAST(NULL AS {TYPES[kind]})" if self.chance(0.1) else self.literal(kind)

    def computed(self, columns, kind, depth):
        if kind == "flag":
            return f"({self.condition(columns, depth, subqueries=False)})"
        if self.chance(0.35):
            return self.of_any_kind(columns, kind, depth)
        return getattr(self, f"computed_{kind}")(columns, depth)

    def of_any_kind(self, columns, kind, depth):
        """What SQL has for every kind alike."""
        a, b = self.value(columns, kind, depth), self.value(columns, kind, depth)
        condition = self.condition(columns, depth, subqueries=False)
        return self.pick((
            f"coalesce({a}, {b})",
            f"coalesce({a}, {self.literal(kind)})",
            f"nullif({a}, {b})",
            f"greatest({a}, {b}, {self.literal(kind)})",
            f"least({a}, {b})",
            f"CASE WHEN {condition} THEN {a} ELSE {b} END",
            f"CASE WHEN {condition} THEN {a} WHEN {a} IS NULL THEN {b} END",
            f"CASE {a} WHEN {self.literal(kind)} THEN {b} WHEN {b} THEN NULL ELSE {a} END",
        ))

    def computed_int(self, columns, depth):
        a, b = self.value(columns, "int", depth), self.value(columns, "int", depth)
        text, date = self.value(columns, "text", depth), self.value(columns, "date", depth)
        divisor = self.pick((-3, 2, 3, 7))
        part = self.pick(("e", "-", "20"))
        field = self.pick(("year", "quarter", "month", "week", "day", "doy", "dow", "isodow"))
        return self.pick((
            f"({a} {self.pick('+-')} {b})",
            f"({a} * {self.random.randint(-2, 3)})",
            f"({a} / {divisor})",
            f"({a} % {divisor})",
            f"abs({a})",
            f"(- {a})",
            f"length({text})",
            f"strpos({text}, '{part}')",
            f"extract({field} FROM {date})",
            f"({date} - {self.literal('date')})",
            f"CAST({self.value(columns, 'flag', depth)} AS INTEGER)",
        ))

    def computed_text(self, columns, depth):
        a, b = self.value(columns, "text", depth), self.value(columns, "text", depth)
        start, length = self.random.randint(1, 4), self.random.randint(0, 3)
        return self.pick((
            f"upper({a})",
            f"lower({a})",
            f"trim({a})",
            f"ltrim({a}, 'TR1')",
            f"substr({a}, {start})",
            f"substring({a} FROM {start} FOR {length})",
            f"left({a}, {length})",
            f"right({a}, {length})",
            f"replace({a}, 'e', 'xy')",
            f"reverse({a})",
            f"lpad({a}, 6, '*')",
            f"split_part({a}, '-', {self.random.randint(1, 2)})",
            f"({a} || {b})",
            f"({a} || '-' || {b})",
            f"concat({a}, {b})",
            f"CAST({self.value(columns, 'int', depth)} AS VARCHAR)",
            f"CAST({self.value(columns, 'date', depth)} AS VARCHAR)",
        ))

    def computed_number(self, columns, depth):
        a, b = self.value(columns, "number", depth), self.value(columns, "number", depth)
        return self.pick((
            f"({a} {self.pick('+-')} {b})",
            f"({a} * {self.random.randint(-2, 3)})",
            f"({a} + {self.value(columns, 'int', 0)})",
            f"abs({a})",
            f"(- {a})",
            f"round({a}, {self.random.randint(0, 1)})",
            f"floor({a})",
            f"ceil({a})",
            f"CAST({self.value(columns, 'int', depth)} AS DECIMAL(20, 2))",
        ))

    def computed_date(self, columns, depth):
        a = self.value(columns, "date", depth)
        unit = self.pick(("day", "month", "year"))
        trunc = self.pick(("week", "month", "quarter", "year"))
        return self.pick((
            f"({a} {self.pick('+-')} {self.random.randint(0, 40)})",
            f"CAST({a} {self.pick('+-')} INTERVAL '{self.random.randint(0, 14)} {unit}' AS DATE)",
            f"CAST(date_trunc('{trunc}', {a}) AS DATE)",
        ))

    def condition(self, columns, depth=2, subqueries=True):
        """A condition over the columns, which may also be unknown."""
        if depth > 0 and self.chance(0.4):
            a, b = (self.condition(columns, depth - 1, subqueries) for _ in "ab")
            return self.pick((
                f"({a} AND {b})",
                f"({a} OR {b})",
                f"NOT ({a})",
                f"NOT ({a} {self.pick(('AND', 'OR'))} {b})",
                f"({a}) IS {self.maybe_not()}{self.pick(('TRUE', 'FALSE', 'UNKNOWN'))}",
                f"CASE WHEN {a} THEN {b} ELSE {self.pick(('TRUE', 'FALSE', 'NULL'))} END",
            ))
        if subqueries and depth > 0 and self.chance(0.3):
            return self.subquery(columns, depth - 1)
        if self.chance(0.05):
            return self.pick(("1 = 1", "1 = 2", "NULL = 1", "NULL IS NULL", "1 IN (2, NULL)", "TRUE", "FALSE"))
        if self.chance(0.25):
            return self.chain(columns)
        kind = self.pick(columns).kind
        kind = kind if kind in KINDS else "int"
        return self.about(self.value(columns, kind, min(depth, 1)), columns, kind, depth)

    def chain(self, columns):
        """Several conditions on one column, which optimisers like to fold into one."""
        column = self.pick([column for column in columns if column.kind in KINDS] or [Column("1", "int")])
        parts = [self.about(column.sql, [column], column.kind, 0) for _ in range(self.random.randint(2, 3))]
        operator = self.pick((" AND ", " OR "))
        return f"({operator.join(parts)})"

    def about(self, value, columns, kind, depth):
        """A condition on a value of the kind."""
        literal, other = self.literal(kind), self.value(columns, kind, min(depth, 1))
        # NULL among the elements is what makes NOT IN unknown, and simplifiers stumble.
        literals = (self.literal(kind), self.literal(kind), "NULL")
        elements = [self.pick(literals) for _ in range(self.random.randint(1, 4))]
        forms = [
            f"{value} {self.pick(COMPARISONS)} {literal}",
            f"{value} {self.pick(COMPARISONS)} {other}",
            f"{value} IS {self.maybe_not()}NULL",
            f"{value} {self.maybe_not()}IN ({', '.join(elements)})",
            f"{value} {self.maybe_not()}IN ({', '.join(elements)})",
            f"{value} {self.maybe_not()}BETWEEN {literal} AND {other}",
            f"{value} IS {self.maybe_not()}DISTINCT FROM {self.pick((literal, other, 'NULL'))}",
        ]
        if kind == "text":
            like = self.pick(("LIKE", "ILIKE"))
            forms += [f"{value} {self.maybe_not()}{like} '{self.pick(PATTERNS)}'"] * 2
        if kind == "flag":
            forms += [value, f"NOT {value}"]
            forms.append(f"{value} IS {self.maybe_not()}{self.pick(('TRUE', 'FALSE', 'UNKNOWN'))}")
        return self.pick(forms)

    def subquery(self, columns, depth):
        """A condition with a subquery, which may look at the columns outside and hold another."""
        inner = self.relation()
        where = self.condition(inner.columns, depth)
        pairs = [(a, b) for a in columns for b in inner.columns if a.kind == b.kind != "double"]
        if not pairs:
            return f"{self.maybe_not()}EXISTS (SELECT 1 FROM {inner.sql} WHERE {where})"
        (outer, compared), (a, b) = self.pick(pairs), self.pick(pairs)
        if self.chance(0.4):
            where = f"{a.sql} = {b.sql} AND {where}"
        source = f"FROM {inner.sql} WHERE {where}"
        aggregate = f"{self.pick(('min', 'max'))}({compared.sql})"
        if outer.kind == "flag":
            aggregate = f"bool_or({compared.sql})"
        return self.pick((
            f"{outer.sql} {self.maybe_not()}IN (SELECT {compared.sql} {source})",
            f"{outer.sql} {self.maybe_not()}IN (SELECT {compared.sql} {source})",
            f"{self.maybe_not()}EXISTS (SELECT 1 {source})",
            f"{self.maybe_not()}EXISTS (SELECT 1 {source})",
            f"{outer.sql} {self.pick(COMPARISONS)} (SELECT {aggregate} {source})",
            f"{self.random.randint(0, 2)} {self.pick(COMPARISONS)} (SELECT count(*) {source})",
            f"{outer.sql} {self.pick(COMPARISONS)} {self.pick(('ANY', 'ALL'))} (SELECT {compared.sql} {source})",
        ))
