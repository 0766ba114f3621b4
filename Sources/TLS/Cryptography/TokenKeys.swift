import COpenSSL

extension PrivateKey {
  /// A key that stays in a PKCS#11 token (RFC 7512), reached through OpenSSL's engine `pkcs11`. Engine and token stay
  /// open as long as the process lives.
  ///
  /// - Parameters:
  ///   - uri: for example "pkcs11:token=gateway;object=company;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so";
  ///     without `module-path` the engine takes the system's default module.
  ///   - pin: the user's PIN; never part of the URI.
  /// - Throws: ``CryptographyError`` that says whether engine, module, token or key could not be had.
  public convenience init(uri: String, pin: SecretBytes?) throws(CryptographyError) {
    let (key, module) = try Self.parts(of: uri)
    guard let engine = ENGINE_by_id("pkcs11") else {
      throw .openSSL("OpenSSL has no engine pkcs11; Debian's package is libengine-pkcs11-openssl")
    }
    // Otherwise it prints to standard error what it finds and misses; what went wrong stands in OpenSSL's queue too.
    guard ENGINE_ctrl_cmd_string(engine, "QUIET", nil, 0) == 1 else { throw .openSSL("the engine cannot be silenced") }
    if let module, ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) != 1 {
      throw .openSSL("the engine does not take the module \(module)")
    }
    guard ENGINE_init(engine) == 1 else { throw .openSSL("the PKCS#11 module \(module ?? "") cannot be loaded") }
    if let pin, !Self.set(pin: pin, of: engine) { throw .openSSL("the engine does not take the PIN") }
    guard let handle = ENGINE_load_private_key(engine, key, UI_null(), nil) else {
      throw .openSSL("the token has no such private key, or the PIN is wrong")
    }
    try self.init(owning: handle)
  }

  /// Whether a text names a key in a token.
  public static func isTokenURI(_ text: String) -> Bool { text.hasPrefix("pkcs11:") }

  private static func parts(of uri: String) throws(CryptographyError) -> (key: String, module: String?) {
    guard isTokenURI(uri), !uri.utf8.contains(0) else { throw CryptographyError("a token's key has a URI pkcs11:…") }
    let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var module: String?
    for attribute in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      guard attribute.hasPrefix("module-path="), module == nil else {
        throw CryptographyError(
          "a token's URI takes ?module-path=PATH and nothing else behind ?; the PIN stands in a file")
      }
      module = String(attribute.dropFirst("module-path=".count))
    }
    return (String(parts[0]), module)
  }

  private static func set(pin: SecretBytes, of engine: OpaquePointer) -> Bool {
    let text = SecretBytes(count: pin.count + 1) { output in
      pin.withUnsafeBytes { output.copyMemory(from: $0) }
      output[pin.count] = 0
    }
    return text.withUnsafeBytes { bytes in
      ENGINE_ctrl_cmd_string(engine, "PIN", bytes.baseAddress?.assumingMemoryBound(to: CChar.self), 0) == 1
    }
  }
}
