import COpenSSL

/// What a key, seal or certificate could not be used for, and why.
public struct CryptographyError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  /// Whether a key's passphrase is missing or wrong.
  public let isOfPassphrase: Bool

  package init(_ description: String, isOfPassphrase: Bool = false) {
    self.description = description
    self.isOfPassphrase = isOfPassphrase
  }

  /// With OpenSSL's own words, which are taken out of its queue.
  static func openSSL(_ what: String) -> CryptographyError {
    let words = takeErrors()
    return CryptographyError(words.isEmpty ? what : "\(what): \(words)")
  }
}

/// Empties this thread's OpenSSL error queue and gives its entries as text, the first cause first.
@discardableResult
package func takeErrors() -> String {
  var entries: [String] = []
  while case let code = ERR_get_error(), code != 0 {
    var text = [CChar](repeating: 0, count: 256)
    ERR_error_string_n(code, &text, text.count)
    entries.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
  return entries.joined(separator: "; ")
}
