import COpenSSL

/// What a new certificate is to say. Policy lives in module Authority.
public struct CertificateContents: Sendable {
  /// Who holds a certificate.
  public enum Holder: Sendable {
    /// An authority; so many other authorities may follow it (RFC 5280 section 4.2.1.9).
    case authority(pathLength: Int)
    /// An end entity with one role.
    case leaf(Role)
    /// An end entity of an authority that marks roles its own way: the object identifier of an extended key usage.
    case outsideLeaf(usage: String)
  }

  public var commonName: String
  public var organisation: String?
  /// Positive, big-endian, at most 20 bytes.
  public var serial: [UInt8]
  /// Seconds since 1970-01-01T00:00:00Z.
  public var notBefore: Int64
  /// Seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64
  /// Who holds it.
  public var holder: Holder
  /// Alternative names of a server's leaf: host names become dNSNames, IPv4 and IPv6 addresses iPAddresses.
  public var dnsNames: [String]
  /// Where its status is told (RFC 5280 section 4.2.2.1); see ``OCSPAddress``.
  public var ocspAddress: OCSPAddress?

  public init(
    commonName: String, organisation: String? = nil, serial: [UInt8], notBefore: Int64, notAfter: Int64,
    holder: Holder, dnsNames: [String] = [], ocspAddress: OCSPAddress? = nil
  ) {
    self.commonName = commonName
    self.organisation = organisation
    self.serial = serial
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.holder = holder
    self.dnsNames = dnsNames
    self.ocspAddress = ocspAddress
  }
}

extension Certificate {
  /// Signs a certificate.
  ///
  /// - Parameters:
  ///   - key: whose certificate it is.
  ///   - issuer: nil signs with its own key, for a root.
  ///   - signer: the issuer's private key.
  /// - Throws: ``CryptographyError`` where a field does not fit or the key refuses.
  public static func make(
    _ contents: CertificateContents, key: PublicKey, issuer: Certificate?, signer: PrivateKey
  ) throws(CryptographyError) -> Certificate {
    // The names go into a text that OpenSSL reads, where a comma would begin another extension's value.
    for name in contents.dnsNames where !HostName.isValid(name, wildcard: true) && !HostName.isAddress(name) {
      throw CryptographyError("\"\(name)\" is no host name")
    }
    guard let certificate = X509_new() else { throw .openSSL("making a certificate") }
    defer { X509_free(certificate) }
    try setFields(of: certificate, contents, key: key, issuer: issuer)
    for extensionText in contents.extensions(isRoot: issuer == nil) {
      try add(extensionText, to: certificate, issuer: issuer)
    }
    guard let context = EVP_MD_CTX_new() else { throw .openSSL("making a certificate") }
    defer { EVP_MD_CTX_free(context) }
    guard signer.beginSigning(context), X509_sign_ctx(certificate, context) > 0 else {
      throw .openSSL("signing a certificate")
    }
    guard let der = encoded({ i2d_X509(certificate, $0) }) else { throw .openSSL("making a certificate") }
    return try Certificate(der: der)
  }

  private static func setFields(
    of certificate: OpaquePointer, _ contents: CertificateContents, key: PublicKey, issuer: Certificate?
  ) throws(CryptographyError) {
    let name = try makeName(commonName: contents.commonName, organisation: contents.organisation)
    defer { X509_NAME_free(name) }
    guard let number = BN_bin2bn(contents.serial, Int32(contents.serial.count), nil) else {
      throw .openSSL("making a certificate")
    }
    defer { BN_free(number) }
    guard X509_set_version(certificate, 2) == 1,
      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil,
      ASN1_TIME_set(X509_getm_notBefore(certificate), time_t(contents.notBefore)) != nil,
      ASN1_TIME_set(X509_getm_notAfter(certificate), time_t(contents.notAfter)) != nil,
      X509_set_subject_name(certificate, name) == 1,
      X509_set_issuer_name(certificate, issuer.map { X509_get_subject_name($0.handle) } ?? name) == 1,
      X509_set_pubkey(certificate, key.handle) == 1
    else { throw .openSSL("making a certificate") }
  }

  private static func add(
    _ text: (kind: Int32, value: String), to certificate: OpaquePointer, issuer: Certificate?
  ) throws(CryptographyError) {
    var context = X509V3_CTX()
    X509V3_set_ctx(&context, issuer?.handle ?? certificate, certificate, nil, nil, 0)
    guard let made = X509V3_EXT_conf_nid(nil, &context, text.kind, text.value) else {
      throw .openSSL("the extension \"\(text.value)\" could not be made")
    }
    defer { X509_EXTENSION_free(made) }
    guard X509_add_ext(certificate, made, -1) == 1 else { throw .openSSL("making a certificate") }
  }
}

extension CertificateContents {
  /// Extensions in OpenSSL's own notation (x509v3_config), in the order in which they are added.
  fileprivate func extensions(isRoot: Bool) -> [(kind: Int32, value: String)] {
    var extensions: [(kind: Int32, value: String)] = []
    switch holder {
    case .authority(let pathLength):
      extensions.append((NID_basic_constraints, "critical,CA:TRUE,pathlen:\(pathLength)"))
      extensions.append((NID_key_usage, "critical,keyCertSign,cRLSign"))
    case .leaf(let role):
      extensions.append((NID_basic_constraints, "critical,CA:FALSE"))
      extensions.append((NID_key_usage, "critical,digitalSignature"))
      extensions.append((NID_ext_key_usage, ([role.identifier] + role.companions).joined(separator: ",")))
      // A delegate's own status is not asked for (RFC 6960 section 4.2.2.2.1); it is short-lived instead.
      if role == .ocsp { extensions.append((NID_id_pkix_OCSP_noCheck, "ignored")) }
    case .outsideLeaf(let usage):
      extensions.append((NID_basic_constraints, "critical,CA:FALSE"))
      extensions.append((NID_key_usage, "critical,digitalSignature"))
      extensions.append((NID_ext_key_usage, usage))
    }
    extensions.append((NID_subject_key_identifier, "hash"))
    if !isRoot { extensions.append((NID_authority_key_identifier, "keyid:always")) }
    if !dnsNames.isEmpty {
      let names = dnsNames.map { HostName.isAddress($0) ? "IP:\($0)" : "DNS:\($0)" }
      extensions.append((NID_subject_alt_name, names.joined(separator: ",")))
    }
    // An OCSPAddress has no comma or semicolon, which would begin another value here.
    if let ocspAddress { extensions.append((NID_info_access, "OCSP;URI:\(ocspAddress.text)")) }
    return extensions
  }
}
