/// Why a message could not be read or written: the place in it and what was wrong there. Never bytes of the message.
public struct CodecError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Where in a message.
  public enum Place: Sendable, Hashable {
    case messageType
    case bitmap
    case secondaryBitmap
    case field(Int)
    case length(Int)
    /// Behind the last field.
    case end
  }

  public enum Reason: Sendable, Equatable {
    /// So many bytes are needed and so many are there.
    case truncated(needed: Int, left: Int)
    /// A character at this place, from 0, is not what the field may hold.
    case character(at: Int)
    /// A length prefix, from its first byte, is no number.
    case lengthNotANumber
    case tooLong(Int, limit: Int)
    /// A fixed field has another length.
    case wrongLength(Int, expected: Int)
    /// The table does not know the field.
    case undefined
    /// So many bytes follow the last field.
    case trailing(Int)
    /// The half byte that fills a field up is not what it must be.
    case padding
  }

  public var place: Place
  public var reason: Reason

  public init(_ place: Place, _ reason: Reason) {
    self.place = place
    self.reason = reason
  }

  /// For example "DE55.length: 300 is more than 255".
  public var description: String { "\(path): \(words)" }

  /// The field's path, for example "DE55.length".
  public var path: String {
    switch place {
    case .messageType: "MTI"
    case .bitmap: "bitmap"
    case .secondaryBitmap: "secondary bitmap"
    case .field(let number): "DE\(number)"
    case .length(let number): "DE\(number).length"
    case .end: "message"
    }
  }

  private var words: String {
    switch reason {
    case .truncated(let needed, let left): "needs \(needed) bytes and \(left) are left"
    case .character(let index): "the character at \(index) is not allowed in this field"
    case .lengthNotANumber: "is not a number"
    case .tooLong(let length, let limit): "\(length) is more than \(limit)"
    case .wrongLength(let length, let expected): "has length \(length), and the table says \(expected)"
    case .undefined: "is not in the field table"
    case .trailing(let count): "\(count) bytes follow the last field"
    case .padding: "the half byte that fills it up is not the table's"
    }
  }
}
