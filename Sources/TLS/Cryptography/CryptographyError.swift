import COpenSSL

/// What a key, seal or certificate could not be used for, and why.
public struct CryptographyError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }

  /// With OpenSSL's own words, which are taken out of its queue.
  static func openSSL(_ what: String) -> CryptographyError {
    let words = takeErrors()
    return CryptographyError(words.isEmpty ? what : "\(what): \(words)")
  }
}

/// Empties this thread's OpenSSL error queue and gives the first entry as text.
@discardableResult
package func takeErrors() -> String {
  let first = ERR_get_error()
  guard first != 0 else { return "" }
  ERR_clear_error()
  var text = [CChar](repeating: 0, count: 256)
  ERR_error_string_n(first, &text, text.count)
  return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
