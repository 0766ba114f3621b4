import COpenSSL

/// One path through OpenSSL's X509_verify_cert, with one anchor and nothing else to choose from.
enum OpenSSLPath {
  static func verify(
    _ path: [Certificate], role: Role, mark: RoleMark, dnsName: String?
  ) throws(CertificateRefusal) {
    guard let store = X509_STORE_new(), let context = X509_STORE_CTX_new(), let others = countersign_x509_stack() else {
      throw CertificateRefusal("path", 0, "out of memory")
    }
    defer {
      X509_STORE_CTX_free(context)
      X509_STORE_free(store)
      countersign_x509_stack_free(others)
      takeErrors()
    }
    for certificate in path[1..<(path.count - 1)] { _ = countersign_x509_push(others, certificate.handle) }
    guard X509_STORE_add_cert(store, path[path.count - 1].handle) == 1,
      X509_STORE_CTX_init(context, store, path[0].handle, others) == 1,
      let parameters = X509_STORE_CTX_get0_param(context)
    else { throw CertificateRefusal("path", 0, "OpenSSL could not begin: \(takeErrors())") }
    // The times are compared by ``PathRules/validity(_:_:at:)``: OpenSSL 3.0 ends validity one second early.
    let flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_NO_CHECK_TIME
    X509_VERIFY_PARAM_set_flags(parameters, UInt(flags))
    X509_VERIFY_PARAM_set_auth_level(parameters, 2)
    X509_VERIFY_PARAM_set_depth(parameters, Int32(CertificatePath.largestLoginChain))
    if let purpose = role.purpose { X509_VERIFY_PARAM_set_purpose(parameters, purpose) }
    if case .policy(let identifier, _) = mark { try expect(policy: identifier, parameters) }
    if let dnsName { try expect(dnsName, parameters) }
    guard X509_verify_cert(context) == 1 else {
      let words = X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(context))).map { String(cString: $0) }
      throw CertificateRefusal(
        "path", Int(X509_STORE_CTX_get_error_depth(context)), words ?? "OpenSSL gave no reason")
    }
  }

  /// RFC 5280 section 6.1.1: the policy is the only acceptable one, and the path must have an acceptable one.
  private static func expect(policy: String, _ parameters: OpaquePointer) throws(CertificateRefusal) {
    guard let object = OBJ_txt2obj(policy, 1) else {
      throw CertificateRefusal("role", 0, "\"\(policy)\" is no object identifier")
    }
    guard X509_VERIFY_PARAM_add0_policy(parameters, object) == 1 else {
      ASN1_OBJECT_free(object)
      throw CertificateRefusal("path", 0, "out of memory")
    }
    X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_EXPLICIT_POLICY))
  }

  /// RFC 6125: the name must be among the alternative names, an address as iPAddress; a common name never counts.
  private static func expect(_ dnsName: String, _ parameters: OpaquePointer) throws(CertificateRefusal) {
    X509_VERIFY_PARAM_set_hostflags(
      parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
    if HostName.isAddress(dnsName) {
      guard X509_VERIFY_PARAM_set1_ip_asc(parameters, dnsName) == 1 else {
        throw CertificateRefusal("path", 0, "out of memory")
      }
      return
    }
    guard HostName.isValid(dnsName), X509_VERIFY_PARAM_set1_host(parameters, dnsName, dnsName.utf8.count) == 1 else {
      throw CertificateRefusal("name", 0, "\"\(dnsName)\" is no host name")
    }
  }
}

extension Role {
  /// OpenSSL's purpose where the role is used in TLS.
  fileprivate var purpose: Int32? {
    switch self {
    case .server, .gateway: X509_PURPOSE_SSL_SERVER
    case .administrator: X509_PURPOSE_SSL_CLIENT
    case .consultant, .company, .sealing, .ocsp, .bundle: nil
    }
  }
}
