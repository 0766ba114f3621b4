import Bytes
import COpenSSL
import Glibc

/// An X.509 certificate (RFC 5280), read by OpenSSL.
///
/// Immutable after `init` (OpenSSL's cache of extensions is filled there), which is why it may be shared.
public final class Certificate: @unchecked Sendable {
  package let handle: OpaquePointer
  /// The whole certificate.
  public let der: [UInt8]
  /// SHA-256 of ``der``.
  public let fingerprint: Bytes32
  public let publicKey: PublicKey

  /// - Throws: ``CryptographyError`` where the DER is wrong, has bytes behind it, or the key is of a kind not allowed.
  public init(der: [UInt8]) throws(CryptographyError) {
    let handle = der.withUnsafeBufferPointer { der -> OpaquePointer? in
      var next = der.baseAddress
      guard let certificate = d2i_X509(nil, &next, der.count) else { return nil }
      guard next == der.baseAddress?.advanced(by: der.count) else {
        X509_free(certificate)
        return nil
      }
      return certificate
    }
    guard let handle else { throw .openSSL("is not exactly one certificate in DER") }
    guard let key = X509_get_pubkey(handle) else {
      X509_free(handle)
      throw .openSSL("the certificate's key cannot be read")
    }
    do {
      publicKey = try PublicKey(owning: key)
    } catch {
      X509_free(handle)
      throw error
    }
    X509_check_purpose(handle, -1, 0)
    takeErrors()
    self.handle = handle
    self.der = der
    fingerprint = SHA256.digest(der)
  }

  deinit { X509_free(handle) }

  /// Reads all certificates of a PEM file, in its order.
  ///
  /// - Throws: ``CryptographyError`` where one of them is wrong.
  public static func fromPEM(_ pem: [UInt8]) throws(CryptographyError) -> [Certificate] {
    guard let file = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { throw .openSSL("reading PEM") }
    defer {
      BIO_free(file)
      takeErrors()
    }
    var certificates: [Certificate] = []
    while let next = PEM_read_bio_X509(file, nil, nil, nil) {
      defer { X509_free(next) }
      certificates.append(try Certificate(der: encoded { i2d_X509(next, $0) }))
    }
    // The end of the file is an error in OpenSSL's words too.
    let reason = countersign_error_reason(ERR_peek_last_error())
    guard reason == UInt(PEM_R_NO_START_LINE) else {
      throw .openSSL("certificate \(certificates.count + 1) of the file")
    }
    return certificates
  }

  /// The certificate as PEM.
  public var pem: [UInt8] {
    guard let file = BIO_new(BIO_s_mem()) else { preconditionFailure("out of memory") }
    defer { BIO_free_all(file) }
    precondition(PEM_write_bio_X509(file, handle) == 1, "OpenSSL could not write a certificate: \(takeErrors())")
    return contents(of: file)
  }
}

// MARK: - Names

extension Certificate {
  /// DER of the issuer's name.
  public var issuerDER: [UInt8] { encoded { i2d_X509_NAME(X509_get_issuer_name(handle), $0) } }
  /// DER of the subject's name.
  public var subjectDER: [UInt8] { encoded { i2d_X509_NAME(X509_get_subject_name(handle), $0) } }
  /// RFC 4514 text of the issuer's name.
  public var issuerText: String { text(of: X509_get_issuer_name(handle)) }
  /// RFC 4514 text of the subject's name.
  public var subjectText: String { text(of: X509_get_subject_name(handle)) }
  /// First common name of the subject.
  public var commonName: String? { firstEntry(NID_commonName, of: X509_get_subject_name(handle)) }
  /// First organisation of the subject.
  public var organisation: String? { firstEntry(NID_organizationName, of: X509_get_subject_name(handle)) }

  /// Serial number, big-endian, without its sign.
  public var serial: [UInt8] {
    let serial = X509_get0_serialNumber(handle)
    return [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(serial), count: Int(ASN1_STRING_length(serial))))
  }

  /// dNSNames of the subject's alternative names (RFC 5280 section 4.2.1.6).
  public var dnsNames: [String] {
    guard let found = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return [] }
    let names = OpaquePointer(found)
    defer { GENERAL_NAMES_free(names) }
    return (0..<countersign_general_name_count(names)).compactMap { index in
      guard let name = countersign_general_name(names, index), name.pointee.type == GEN_DNS else { return nil }
      let text = name.pointee.d.dNSName
      return String(
        decoding: UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text))),
        as: UTF8.self)
    }
  }
}

/// RFC 4514 text of a name.
func text(of name: OpaquePointer?) -> String {
  guard let file = BIO_new(BIO_s_mem()) else { preconditionFailure("out of memory") }
  defer { BIO_free_all(file) }
  guard X509_NAME_print_ex(file, name, 0, countersign_name_flags()) >= 0 else {
    takeErrors()
    return ""
  }
  return String(decoding: contents(of: file), as: UTF8.self)
}

/// First entry of one kind in a name, as UTF-8.
func firstEntry(_ kind: Int32, of name: OpaquePointer?) -> String? {
  let index = X509_NAME_get_index_by_NID(name, kind, -1)
  guard index >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)) else { return nil }
  var memory: UnsafeMutablePointer<UInt8>?
  let count = ASN1_STRING_to_UTF8(&memory, value)
  defer { countersign_free(memory) }
  guard count >= 0 else {
    takeErrors()
    return nil
  }
  return String(decoding: UnsafeBufferPointer(start: memory, count: Int(count)), as: UTF8.self)
}

// MARK: - Validity and use

extension Certificate {
  /// First instant at which it is valid, seconds since 1970-01-01T00:00:00Z.
  public var notBefore: Int64 { seconds(X509_get0_notBefore(handle)) }
  /// Last instant at which it is valid, seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64 { seconds(X509_get0_notAfter(handle)) }

  /// Object identifiers of the extended key usage, dotted; nil where the certificate has none.
  var extendedKeyUsage: [String]? {
    guard let found = X509_get_ext_d2i(handle, NID_ext_key_usage, nil, nil) else { return nil }
    let usages = OpaquePointer(found)
    defer { EXTENDED_KEY_USAGE_free(usages) }
    return (0..<countersign_object_count(usages)).map { index in
      var text = [CChar](repeating: 0, count: 256)
      let count = OBJ_obj2txt(&text, Int32(text.count), countersign_object(usages, index), 1)
      return String(decoding: text.prefix(Int(clamping: count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// What the holder may do.
  public var roles: Set<Role> {
    let usages = extendedKeyUsage ?? []
    return Set(Role.allCases.filter { usages.contains($0.identifier) })
  }

  private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
    return Int64(timegm(&parts))
  }
}

extension Certificate: Equatable {
  public static func == (first: Certificate, second: Certificate) -> Bool { first.der == second.der }
}

extension Certificate: CustomStringConvertible {
  public var description: String { "\(subjectText), serial \(Hex.encode(serial)), issued by \(issuerText)" }
}
