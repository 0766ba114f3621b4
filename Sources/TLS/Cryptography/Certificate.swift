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
  /// DER of the issuer's name.
  public let issuerDER: [UInt8]
  /// DER of the subject's name.
  public let subjectDER: [UInt8]
  /// First instant at which it is valid, seconds since 1970-01-01T00:00:00Z.
  public let notBefore: Int64
  /// Last instant at which it is valid, seconds since 1970-01-01T00:00:00Z.
  public let notAfter: Int64
  /// Subject and issuer are the same and the certificate's own key signed it.
  public let isSelfSigned: Bool

  /// - Throws: ``CryptographyError`` where this is not exactly one certificate in DER, a time is not in the form of
  ///   RFC 5280 section 4.1.2.5, or the key is of a kind not allowed.
  public convenience init(der: [UInt8]) throws(CryptographyError) {
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
    // Lengths outside the signature can be written in several ways; one certificate must have one fingerprint.
    guard encoded({ i2d_X509(handle, $0) }) == der else {
      X509_free(handle)
      throw .openSSL("the certificate is not in DER")
    }
    try self.init(owning: handle, der: der)
  }

  /// Shares a certificate that OpenSSL has read, from a handshake for instance, and is not changed any more.
  ///
  /// - Throws: ``CryptographyError``, as ``init(der:)``.
  package convenience init(sharing handle: OpaquePointer) throws(CryptographyError) {
    guard let der = encoded({ i2d_X509(handle, $0) }), X509_up_ref(handle) == 1 else {
      throw .openSSL("the certificate cannot be encoded")
    }
    try self.init(owning: handle, der: der)
  }

  private init(owning handle: OpaquePointer, der: [UInt8]) throws(CryptographyError) {
    do throws(CryptographyError) {
      guard let issuer = encoded({ i2d_X509_NAME(X509_get_issuer_name(handle), $0) }),
        let subject = encoded({ i2d_X509_NAME(X509_get_subject_name(handle), $0) })
      else { throw CryptographyError.openSSL("the certificate is not in DER") }
      guard let notBefore = seconds(X509_get0_notBefore(handle)), let notAfter = seconds(X509_get0_notAfter(handle))
      else { throw CryptographyError.openSSL("the certificate's validity is not in the form that RFC 5280 asks for") }
      guard let key = X509_get_pubkey(handle) else {
        throw CryptographyError.openSSL("the certificate's key cannot be read")
      }
      publicKey = try PublicKey(owning: key)
      issuerDER = issuer
      subjectDER = subject
      self.notBefore = notBefore
      self.notAfter = notAfter
    } catch {
      X509_free(handle)
      throw error
    }
    X509_check_purpose(handle, -1, 0)
    isSelfSigned =
      X509_NAME_cmp(X509_get_subject_name(handle), X509_get_issuer_name(handle)) == 0
      && X509_verify(handle, publicKey.handle) == 1
    takeErrors()
    self.handle = handle
    self.der = der
    fingerprint = SHA256.digest(der)
  }

  deinit { X509_free(handle) }

  /// Reads all certificates of a PEM file, in its order.
  ///
  /// - Throws: ``CryptographyError`` that counts the certificate which is wrong.
  public static func fromPEM(_ pem: [UInt8]) throws(CryptographyError) -> [Certificate] {
    try all(ofFile: try ders(fromPEM: pem))
  }

  /// Certificates of a file, in order.
  ///
  /// - Throws: ``CryptographyError`` that counts the certificate which is none, and names its subject where that can be
  ///   read.
  public static func all(ofFile ders: [[UInt8]]) throws(CryptographyError) -> [Certificate] {
    var certificates: [Certificate] = []
    for der in ders {
      do {
        certificates.append(try Certificate(der: der))
      } catch {
        let subject = subjectText(ofRefused: der).map { "\($0): " } ?? ""
        throw CryptographyError("certificate \(certificates.count + 1) of the file: \(subject)\(error)")
      }
    }
    return certificates
  }

  /// Subject of what ``init(der:)`` does not take, for people; nil where there is none to be read.
  private static func subjectText(ofRefused der: [UInt8]) -> String? {
    let handle = der.withUnsafeBufferPointer { der in
      var next = der.baseAddress
      return d2i_X509(nil, &next, der.count)
    }
    defer { takeErrors() }
    guard let handle else { return nil }
    defer { X509_free(handle) }
    let text = text(of: X509_get_subject_name(handle))
    return text.isEmpty ? nil : text
  }

  /// The bytes of all certificates in PEM text (RFC 7468), in order; other things between them are ignored. They are
  /// what stands there, so that ``init(der:)`` judges them as it does those of a DER file.
  ///
  /// - Throws: ``CryptographyError`` that counts the certificate which is no PEM.
  public static func ders(fromPEM pem: [UInt8]) throws(CryptographyError) -> [[UInt8]] {
    var ders: [[UInt8]] = []
    let isWhole = pem.withUnsafeBytes { pem in
      guard let file = BIO_new_mem_buf(pem.baseAddress, Int32(clamping: pem.count)) else { return false }
      defer { BIO_free(file) }
      var (der, count) = (UnsafeMutablePointer<UInt8>?.none, 0)
      while PEM_bytes_read_bio(&der, &count, nil, PEM_STRING_X509, file, nil, nil) == 1 {
        ders.append([UInt8](UnsafeBufferPointer(start: der, count: count)))
        countersign_free(der)
      }
      // The end of the file is an error in OpenSSL's words too.
      return countersign_error_reason(ERR_peek_last_error()) == UInt(PEM_R_NO_START_LINE)
    }
    guard isWhole else { throw .openSSL("certificate \(ders.count + 1) of the file") }
    takeErrors()
    return ders
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
  /// RFC 4514 text of the issuer's name.
  public var issuerText: String { text(of: X509_get_issuer_name(handle)) }
  /// RFC 4514 text of the subject's name.
  public var subjectText: String { text(of: X509_get_subject_name(handle)) }
  /// First common name of the subject.
  public var commonName: String? { firstEntry(NID_commonName, of: X509_get_subject_name(handle)) }
  /// First organisation of the subject.
  public var organisation: String? { firstEntry(NID_organizationName, of: X509_get_subject_name(handle)) }

  /// The holder as people are shown it: the common name, or the subject where it has none.
  public var holderText: String { commonName.map(ShownText.escaped) ?? subjectText }

  /// ``organisation`` as people are shown it.
  public var organisationText: String? { organisation.map(ShownText.escaped) }

  /// Serial number, big-endian, without its sign.
  public var serial: [UInt8] {
    let serial = X509_get0_serialNumber(handle)
    return [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(serial), count: Int(ASN1_STRING_length(serial))))
  }

  /// dNSNames of the subject's alternative names (RFC 5280 section 4.2.1.6).
  public var dnsNames: [String] {
    alternativeNames.filter { $0.kind == GEN_DNS }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// dNSNames and iPAddresses of the subject's alternative names, as they stand there.
  public var serverNames: [String] {
    alternativeNames.compactMap { name in
      switch name.kind {
      case GEN_DNS: String(decoding: name.bytes, as: UTF8.self)
      case GEN_IPADD: HostName.address(name.bytes)
      default: nil
      }
    }
  }

  /// All of the subject's alternative names that are texts or addresses.
  var alternativeNames: [(kind: Int32, bytes: [UInt8])] {
    guard let found = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return [] }
    let names = OpaquePointer(found)
    defer { GENERAL_NAMES_free(names) }
    return (0..<countersign_general_name_count(names)).compactMap { countersign_general_name(names, $0)?.pointee.text }
  }
}

extension GENERAL_NAME {
  /// Kind (`GEN_DNS` …) and bytes; nil where the name is no text or address.
  var text: (kind: Int32, bytes: [UInt8])? {
    let value: UnsafeMutablePointer<ASN1_STRING>?
    switch type {
    case GEN_DNS: value = d.dNSName
    case GEN_EMAIL: value = d.rfc822Name
    case GEN_URI: value = d.uniformResourceIdentifier
    case GEN_IPADD: value = d.iPAddress
    default: return nil
    }
    return (
      type, [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(value), count: Int(ASN1_STRING_length(value))))
    )
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
  return ShownText.escaped(String(decoding: contents(of: file), as: UTF8.self))
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

// MARK: - Use

extension Certificate {
  /// Object identifiers of the extended key usage, dotted; nil where the certificate has none.
  var extendedKeyUsage: [String]? {
    guard let found = X509_get_ext_d2i(handle, NID_ext_key_usage, nil, nil) else { return nil }
    let usages = OpaquePointer(found)
    defer { EXTENDED_KEY_USAGE_free(usages) }
    return (0..<countersign_object_count(usages)).map { dotted(countersign_object(usages, $0)) }
  }

  /// Object identifiers of the certificate policies, dotted (RFC 5280 section 4.2.1.4).
  var policies: [String] {
    guard let found = X509_get_ext_d2i(handle, NID_certificate_policies, nil, nil) else { return [] }
    let policies = OpaquePointer(found)
    defer { CERTIFICATEPOLICIES_free(policies) }
    return (0..<countersign_policy_count(policies)).map { dotted(countersign_policy(policies, $0)) }
  }

  /// Where the authority answers OCSP (RFC 5280 section 4.2.2.1), in the certificate's order.
  public var ocspAddresses: [String] {
    defer { takeErrors() }
    guard let found = X509_get1_ocsp(handle) else { return [] }
    defer { X509_email_free(found) }
    return (0..<countersign_string_count(found)).compactMap { place in
      countersign_string(found, place).map { String(cString: $0) }
    }
  }

  /// Whether it is an authority's (RFC 5280 section 4.2.1.9).
  public var isAuthority: Bool { X509_get_extension_flags(handle) & UInt32(EXFLAG_CA) != 0 }

  /// What the holder may do.
  public var roles: Set<Role> {
    let usages = extendedKeyUsage ?? []
    return Set(Role.allCases.filter { usages.contains($0.identifier) })
  }
}

/// Seconds since 1970-01-01T00:00:00Z; nil where the time is not in the form of RFC 5280 section 4.1.2.5: UTCTime until
/// 2049, GeneralizedTime from 2050, with seconds, in Z.
private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
  guard let time, let strict = ASN1_TIME_new() else { return nil }
  defer { ASN1_TIME_free(strict) }
  let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(time), count: Int(ASN1_STRING_length(time)))
  var parts = tm()
  guard ASN1_TIME_set_string_X509(strict, String(decoding: bytes, as: UTF8.self)) == 1,
    ASN1_STRING_cmp(strict, time) == 0, ASN1_TIME_to_tm(strict, &parts) == 1
  else { return nil }
  return Int64(timegm(&parts))
}

extension Certificate: Equatable {
  public static func == (first: Certificate, second: Certificate) -> Bool { first.der == second.der }
}

extension Certificate: CustomStringConvertible {
  public var description: String { "\(subjectText), serial \(Hex.encode(serial)), issued by \(issuerText)" }
}
