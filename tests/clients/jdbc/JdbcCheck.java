import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;

/**
 * The Flight SQL JDBC driver against a running server over the tiny project.
 *
 * <p>Called by tests/it/clients_drivers.rs with the server's port. Prints the answer to QUERY, a
 * line a row, for comparison with the command line's; any failure is an exception.
 */
public class JdbcCheck {
  static final String QUERY =
      "SELECT receipt_no, line_no, quantity, net_amount, sold_on, gift, remark FROM fact_sales"
          + " ORDER BY receipt_no, line_no";

  public static void main(String[] arguments) throws Exception {
    String url =
        "jdbc:arrow-flight-sql://127.0.0.1:" + arguments[0] + "/?useEncryption=false";
    Properties user = new Properties();
    user.put("user", "ann");
    user.put("password", "secret");
    Properties token = new Properties();
    token.put("token", "a-token");
    for (Properties credentials : List.of(user, token, new Properties())) {
      try (Connection connection = DriverManager.getConnection(url, credentials)) {
        same("17.51", total(connection));
      }
    }
    try (Connection connection = DriverManager.getConnection(url, user)) {
      checkTables(connection.getMetaData());
      checkKeys(connection.getMetaData());
      checkPlainQuestions(connection.getMetaData());
      checkOtherQuestions(connection.getMetaData());
      checkParameters(connection);
      checkWideParameters(connection);
      checkCube(connection);
      checkUpdates(connection);
      checkErrors(connection);
      printAnswer(connection);
    }
  }

  static String total(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT SUM(net_amount) FROM fact_sales")) {
      same(2, rows.getMetaData().getScale(1));
      same(true, rows.getMetaData().getPrecision(1) >= 12);
      rows.next();
      return rows.getBigDecimal(1).toPlainString();
    }
  }

  static void checkTables(DatabaseMetaData metadata) throws SQLException {
    same(List.of("starhouse"), column(metadata.getCatalogs(), "TABLE_CAT"));
    same(true, column(metadata.getSchemas(), "TABLE_SCHEM").contains("warehouse"));
    same(List.of("LOCAL TEMPORARY", "SYSTEM TABLE", "TABLE", "VIEW"), column(metadata.getTableTypes(), "TABLE_TYPE"));
    String[] stored = {"TABLE"};
    List<String> tables = column(metadata.getTables(null, null, "%", stored), "TABLE_NAME");
    same(List.of("dim_store", "fact_sales"), tables);
    tables = column(metadata.getTables("starhouse", "cubes", "sal%", null), "TABLE_NAME");
    same(List.of("sales"), tables);

    try (ResultSet columns = metadata.getColumns(null, "warehouse", "fact_sales", "net_amount")) {
      same(true, columns.next());
      same(Types.DECIMAL, columns.getInt("DATA_TYPE"));
      same("DECIMAL", columns.getString("TYPE_NAME"));
      same(12, columns.getInt("COLUMN_SIZE"));
      same(2, columns.getInt("DECIMAL_DIGITS"));
      same("YES", columns.getString("IS_NULLABLE"));
      same("Price paid. (EUR)", columns.getString("REMARKS"));
      same(false, columns.next());
    }
    List<String> names = column(metadata.getColumns(null, null, "dim_store", "%"), "COLUMN_NAME");
    same("store_key", names.get(0));
  }

  static void checkKeys(DatabaseMetaData metadata) throws SQLException {
    String fact = "fact_sales";
    same(
        List.of("receipt_no", "line_no"),
        column(metadata.getPrimaryKeys(null, null, fact), "COLUMN_NAME"));
    String dim = "dim_store";
    List<ResultSet> answers =
        List.of(
            metadata.getImportedKeys(null, null, fact),
            metadata.getExportedKeys("starhouse", "warehouse", dim),
            metadata.getCrossReference(null, null, dim, null, null, fact));
    for (ResultSet keys : answers) {
      same(List.of("store_key"), column(keys, "FKCOLUMN_NAME"));
    }
  }

  /** Every question of DatabaseMetaData without arguments: tools ask them all when they connect. */
  static void checkPlainQuestions(DatabaseMetaData metadata) throws Exception {
    Set<String> failed = new TreeSet<>();
    for (Method method : DatabaseMetaData.class.getMethods()) {
      if (method.getParameterCount() > 0 || method.getDeclaringClass() != DatabaseMetaData.class) {
        continue;
      }
      try {
        if (method.invoke(metadata) instanceof ResultSet rows) {
          rows.close();
        }
      } catch (InvocationTargetException failure) {
        failed.add(method.getName() + ": " + failure.getCause());
      }
    }
    System.err.println("metadata questions that failed: " + failed);
    // The driver cannot read the type that the protocol gives to the default isolation level.
    failed.removeIf(failure -> failure.startsWith("getDefaultTransactionIsolation"));
    same(Set.of(), failed);
    same(false, metadata.isReadOnly());
    same("Starhouse", metadata.getDatabaseProductName());
    same("\"", metadata.getIdentifierQuoteString());
  }

  /** Every question with arguments: asked of any table, column and type. */
  static void checkOtherQuestions(DatabaseMetaData metadata) throws Exception {
    Set<String> failed = new TreeSet<>();
    Set<String> unsupported = new TreeSet<>();
    for (Method method : DatabaseMetaData.class.getMethods()) {
      if (method.getParameterCount() == 0 || method.getDeclaringClass() != DatabaseMetaData.class) {
        continue;
      }
      Object[] given = new Object[method.getParameterCount()];
      Class<?>[] types = method.getParameterTypes();
      // Keys are of one table; all else may be asked of any.
      boolean keys = method.getName().contains("Key") || method.getName().equals("getCrossReference");
      for (int at = 0; at < given.length; at++) {
        boolean table = keys && types[at] == String.class && at % 3 == 2;
        given[at] =
            table ? "fact_sales"
            : method.getName().equals("supportsTransactionIsolationLevel")
                ? (Object) Connection.TRANSACTION_NONE
            : types[at] == int.class ? (Object) ResultSet.TYPE_FORWARD_ONLY
            : types[at] == boolean.class ? (Object) false
            : null;
      }
      try {
        if (method.invoke(metadata, given) instanceof ResultSet rows) {
          while (rows.next()) {}
          rows.close();
        }
      } catch (InvocationTargetException failure) {
        boolean known = failure.getCause() instanceof SQLException;
        (known ? unsupported : failed).add(method.getName() + ": " + failure.getCause());
      }
    }
    // The driver itself has not written these yet, whatever the server says.
    failed.removeIf(failure -> failure.endsWith("RuntimeException: todo: implement this method"));
    same(Set.of(), failed);
    same(Set.of(), unsupported);
  }

  static void checkParameters(Connection connection) throws SQLException {
    String receipts = "SELECT receipt_no FROM fact_sales WHERE ";
    String ordered = " ORDER BY receipt_no";
    String condition = "quantity >= ? AND receipt_no <> ?" + ordered;
    try (PreparedStatement statement = connection.prepareStatement(receipts + condition)) {
      same(2, statement.getParameterMetaData().getParameterCount());
      statement.setInt(1, 2);
      statement.setString(2, "R2");
      same(List.of("R1"), column(statement.executeQuery(), "receipt_no"));
      statement.setInt(1, 3);
      statement.setString(2, "R1");
      same(List.of("R2"), column(statement.executeQuery(), "receipt_no"));
    }
    condition = "net_amount < ? AND sold_on > ?" + ordered;
    try (PreparedStatement statement = connection.prepareStatement(receipts + condition)) {
      statement.setBigDecimal(1, new BigDecimal("5.00"));
      statement.setDate(2, Date.valueOf("2025-01-31"));
      same(List.of("R3"), column(statement.executeQuery(), "receipt_no"));
    }
    condition = "store_key IN (SELECT store_key FROM dim_store WHERE city = ?)" + ordered;
    try (PreparedStatement statement = connection.prepareStatement(receipts + condition)) {
      statement.setString(1, "Düsseldorf");
      same(List.of("R1", "R1"), column(statement.executeQuery(), "receipt_no"));
    }
  }

  /** Values the driver must not cut down, and a parameter that only LIMIT gives a type. */
  static void checkWideParameters(Connection connection) throws SQLException {
    String receipts = "SELECT receipt_no FROM fact_sales ";
    try (PreparedStatement statement =
        connection.prepareStatement(receipts + "WHERE quantity > ?")) {
      statement.setLong(1, 5_000_000_000L);
      same(List.of(), column(statement.executeQuery(), "receipt_no"));
    }
    String limited = receipts + "ORDER BY receipt_no, line_no LIMIT ? OFFSET ?";
    try (PreparedStatement statement = connection.prepareStatement(limited)) {
      statement.setInt(1, 2);
      statement.setLong(2, 1);
      same(List.of("R1", "R2"), column(statement.executeQuery(), "receipt_no"));
    }
  }

  static void checkCube(Connection connection) throws SQLException {
    String question =
        "SELECT city, MEASURE(revenue) AS revenue FROM cubes.sales GROUP BY city ORDER BY city";
    try (Statement statement = connection.createStatement()) {
      ResultSet rows = statement.executeQuery(question);
      same(List.of("24.98", "0.03", "-7.50"), column(rows, "revenue"));
    }
  }

  static void checkUpdates(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      same(0, statement.executeUpdate("CREATE TABLE sandbox.j (id BIGINT, name VARCHAR, day DATE)"));
      same(2, statement.executeUpdate("INSERT INTO sandbox.j VALUES (1, 'a', NULL), (2, 'b', NULL)"));
      same(false, statement.execute("UPDATE sandbox.j SET name = 'c' WHERE id = 2"));
      same(1, statement.getUpdateCount());
    }
    String insert = "INSERT INTO sandbox.j VALUES (?, ?, ?)";
    try (PreparedStatement statement = connection.prepareStatement(insert)) {
      statement.setLong(1, 3);
      statement.setString(2, "naïve 东京");
      statement.setDate(3, Date.valueOf("2025-01-31"));
      same(1, statement.executeUpdate());
    }
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT * FROM sandbox.j ORDER BY id DESC")) {
      same(true, rows.next());
      same("naïve 东京", rows.getString(2));
      same(Date.valueOf("2025-01-31"), rows.getDate(3));
      same(true, rows.next());
      same("c", rows.getString(2));
    }
    try (Statement statement = connection.createStatement()) {
      same(3, statement.executeUpdate("DELETE FROM sandbox.j"));
      statement.execute("DROP TABLE sandbox.j");
    }
  }

  static void checkErrors(Connection connection) throws SQLException {
    refused(connection, "SELECT * FROM dim_stor", "dim_store");
    refused(connection, "SELECT nothing FROM dim_store", "nothing");
    refused(connection, "DELETE FROM fact_sales", "not for clients");
    same("17.51", total(connection));
  }

  static void refused(Connection connection, String sql, String word) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException error) {
      same(true, error.getMessage().contains(word) ? true : error.getMessage());
      return;
    }
    throw new AssertionError("not refused: " + sql);
  }

  static void printAnswer(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(QUERY)) {
      int columns = rows.getMetaData().getColumnCount();
      while (rows.next()) {
        List<String> values = new ArrayList<>();
        for (int index = 1; index <= columns; index++) {
          String value = rows.getString(index);
          values.add(value == null ? "" : value);
        }
        System.out.println(String.join(",", values));
      }
    }
  }

  static List<String> column(ResultSet rows, String name) throws SQLException {
    List<String> values = new ArrayList<>();
    try (rows) {
      while (rows.next()) {
        values.add(rows.getString(name));
      }
    }
    return values;
  }

  static void same(Object expected, Object given) {
    if (!expected.equals(given)) {
      throw new AssertionError("expected " + expected + ", got " + given);
    }
  }
}
