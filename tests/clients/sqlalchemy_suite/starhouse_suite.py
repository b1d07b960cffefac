"""SQLAlchemy's dialect for Flight SQL as its own test suite needs it: tables go into the sandbox, which
keeps no keys, so the constraints that the suite's tables declare are left out of what is made."""

from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.testing.provision import temp_table_keyword_args
from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements
from sqlalchemy_adbc.flightsql import ADBCFlightSQLDialect


class WithoutKeys(DDLCompiler):
    def create_table_constraints(self, table, _include_foreign_key_constraints=None, **kw):
        return ""


class Dialect(ADBCFlightSQLDialect):
    name = "starhouse"
    ddl_compiler = WithoutKeys
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_multivalues_insert = True
    supports_empty_insert = False
    supports_default_values = False
    supports_default_metavalue = False
    max_identifier_length = 255

    def on_connect(self):
        def sandbox(connection):
            with connection.cursor() as cursor:
                cursor.execute("SET schema = 'sandbox'")
        return sandbox

    def _get_default_schema_name(self, connection):
        return "sandbox"

    # Version 0.3 of the dialect compares the types of tables with words in lower case, which Flight
    # SQL does not have, and so lists none.
    def get_table_names(self, connection, schema=None, **kw):
        listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
        rows = connection.exec_driver_sql(listed, (schema or "sandbox",))
        return [row[0] for row in rows]

    def get_view_names(self, connection, schema=None, **kw):
        return []


@temp_table_keyword_args.for_db("starhouse")
def _temp_table_keyword_args(cfg, eng):
    return {"prefixes": ["TEMPORARY"]}


class Requirements(SuiteRequirements):
    """What there is not, so that the suite does not ask for it."""


def _without(*names):
    for name in names:
        setattr(Requirements, name, property(lambda self: exclusions.closed()))


_without(
    "schemas",                      # tables are made in one schema, the sandbox
    "implicit_default_schema",
    "views",                        # cubes are the views
    "foreign_keys", "self_referential_foreign_keys", "foreign_key_ddl", "named_constraints",
    "primary_key_constraint_reflection", "foreign_key_constraint_reflection",
    "unique_constraint_reflection", "index_reflection", "check_constraint_reflection",
    "unique_index_reflect_as_unique_constraints", "indexes_with_expressions",
    "comment_reflection", "sequences", "identity_columns", "computed_columns", "autoincrement_insert",
    "temp_table_reflection", "temporary_views", "temp_table_names", "table_reflection",
    "savepoints", "two_phase_transactions", "isolation_level",
    "unique_constraints", "duplicate_key_raises_integrity_error", "returning", "insert_returning",
    "datetime", "datetime_microseconds", "timestamp_microseconds", "datetime_literals", "time",
    "time_microseconds", "datetime_historic", "date_historic", "binary_literals", "binary_comparisons",
    "implicitly_named_constraints", "empty_inserts", "insert_from_select", "like_escapes",
    "ctes_on_dml", "update_from", "delete_from", "tuple_in_w_empty",
)
