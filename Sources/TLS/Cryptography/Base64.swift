import COpenSSL

/// Base64 (RFC 4648 section 4).
public enum Base64 {
  /// Decodes text with or without its padding.
  ///
  /// - Returns: nil where it is malformed; spaces and line breaks are malformed too.
  public static func decode(_ text: [UInt8]) -> [UInt8]? {
    let digits = text.last == padding ? Array(text.dropLast(text.dropLast().last == padding ? 2 : 1)) : text
    let missing = (4 - digits.count % 4) % 4
    guard missing < 3, digits.allSatisfy({ $0 > 0x20 && $0 != padding }) else { return nil }
    let whole = digits + [UInt8](repeating: padding, count: missing)
    defer { takeErrors() }
    var bytes = [UInt8](repeating: 0, count: whole.count / 4 * 3)
    guard EVP_DecodeBlock(&bytes, whole, Int32(clamping: whole.count)) == bytes.count else { return nil }
    return Array(bytes.dropLast(missing))
  }

  /// Text with its padding.
  public static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    let count = EVP_EncodeBlock(&text, bytes, Int32(clamping: bytes.count))
    return Array(text[..<Int(count)])
  }

  private static let padding = UInt8(ascii: "=")
}
