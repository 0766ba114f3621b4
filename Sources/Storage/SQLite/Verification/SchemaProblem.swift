import CSQLite
import Cryptography
import Payments

/// A table, index, trigger or view of a ledger that a new ledger does not have, has otherwise, or has besides: a trigger
/// would change rows that were verified, once the service writes.
public struct SchemaProblem: LedgerProblem, Equatable {
  public enum Kind: String, Sendable {
    case added = "was added"
    case missing = "is missing"
    case changed = "was changed"
  }

  /// `table`, `index`, `trigger` or `view`.
  public let type: String
  public let name: String
  /// The table that it is of.
  public let table: String
  public let kind: Kind

  public var description: String {
    let place = name == table ? "" : " on \(ShownText.escaped(table))"
    return "\(ShownText.escaped(type)) \(ShownText.escaped(name))\(place) \(kind.rawValue)"
  }

  public static let things = "objects"

  /// Compares the schema of a ledger's file, beside a running server too.
  ///
  /// - Returns: what is not as in a new ledger; empty: nothing.
  /// - Throws: ``StoreError`` that names the file.
  public static func all(in path: String) throws(StoreError) -> [SchemaProblem] {
    let database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    try Schema.check(database)
    return try Schema.problems(of: database)
  }
}

extension Schema {
  /// A row of `sqlite_schema` without its place in the file.
  private struct Object: Hashable {
    struct Name: Hashable {
      var type: String
      var name: String
    }

    var id: Name
    var table: String
    /// With single spaces; empty of an index that a constraint makes.
    var sql: String

    func problem(_ kind: SchemaProblem.Kind) -> SchemaProblem {
      SchemaProblem(type: id.type, name: id.name, table: table, kind: kind)
    }
  }

  /// What ANALYZE makes: it holds counts for the planner.
  private static let statistics = [
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
  ].map {
    let name = String($0.dropFirst("CREATE TABLE ".count).prefix { $0 != "(" })
    return Object(id: .init(type: "table", name: name), table: name, sql: $0)
  }

  private static func objects(_ database: Database) throws(StoreError) -> [Object] {
    try database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").all {
      Object(
        id: .init(type: $0.text(0), name: $0.text(1)), table: $0.text(2),
        sql: $0.text(3).split { $0.isASCII && $0.isWhitespace }.joined(separator: " "))
    }
  }

  /// What is not as in a ledger that is made now.
  static func problems(of database: Database) throws(StoreError) -> [SchemaProblem] {
    let new = try Database(path: ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    try create(in: new)
    var problems: [SchemaProblem] = []
    var missing = Dictionary(try objects(new).map { ($0.id, $0) }) { first, _ in first }
    for object in try objects(database) where !statistics.contains(object) {
      guard let own = missing.removeValue(forKey: object.id) else {
        problems.append(object.problem(.added))
        continue
      }
      if own != object { problems.append(object.problem(.changed)) }
    }
    let lost = missing.values.sorted { ($0.id.type, $0.id.name) < ($1.id.type, $1.id.name) }
    return problems + lost.map { $0.problem(.missing) }
  }

  /// - Parameter file: whose copy it is; nil: it is looked at for itself.
  /// - Throws: ``StoreError/damaged(_:)`` that names what is not as in a new ledger.
  static func checkObjects(_ database: Database, of file: String? = nil) throws(StoreError) {
    let problems = try problems(of: database)
    guard problems.isEmpty else {
      throw .damaged(
        "\(file ?? database.path): the schema was altered: "
          + SchemaProblem.lines(problems).joined(separator: "; "))
    }
  }
}
