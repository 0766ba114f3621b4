import COpenSSL

/// Finds paths by names and key identifiers, depth first, within a budget.
struct PathSearch {
  let others: [Certificate]
  let anchors: [Certificate]
  /// Steps that may still be tried.
  var budget: Int

  /// Whether `isGood` accepts a path, which it gets leaf first and anchor last.
  mutating func anyPath(from leaf: Certificate, _ isGood: ([Certificate]) -> Bool) -> Bool {
    extend([leaf], leaf, isGood)
  }

  private mutating func extend(
    _ path: [Certificate], _ last: Certificate, _ isGood: ([Certificate]) -> Bool
  ) -> Bool {
    for anchor in anchors where anchor.mayHaveIssued(last) && anchor != last && isGood(path + [anchor]) { return true }
    guard path.count < CertificatePath.largestLoginChain else { return false }
    for issuer in others where issuer.mayHaveIssued(last) && !path.contains(issuer) && !anchors.contains(issuer) {
      guard budget > 0 else { return false }
      budget -= 1
      if extend(path + [issuer], issuer, isGood) { return true }
    }
    return false
  }
}

extension Certificate {
  /// Names and key identifiers fit; says nothing about signatures.
  fileprivate func mayHaveIssued(_ other: Certificate) -> Bool {
    defer { takeErrors() }
    return X509_check_issued(handle, other.handle) == X509_V_OK
  }
}
