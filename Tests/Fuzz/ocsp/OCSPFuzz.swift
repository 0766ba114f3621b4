import Cryptography
import Foundation

/// An OCSP request from anybody (first byte odd) and an answer from any responder (even). An answer is never good here:
/// the question's nonce is fresh and in no input, and where none is required the answer's time is long over.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard count >= 1, let start else { return 0 }
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  let peer = [UInt8](bytes[1...])
  if bytes[0] & 1 == 1 {
    read(peer)
  } else {
    judge(peer)
  }
  return 0
}

private func read(_ der: [UInt8]) {
  guard let request = try? OCSPRequest(der: der) else { return }
  precondition((1...16).contains(request.questions.count), "a request without questions was read")
  precondition(request.nonce.map { (1...128).contains($0.count) } ?? true, "a nonce of a wrong length was read")
  for question in request.questions { _ = question.isOf(issuer: asked.issuer) }
}

private func judge(_ answer: [UInt8]) {
  precondition(!isGood(answer, .required, at: asked.now), "an answer without the question's nonce was good")
  precondition(!isGood(answer, .ifSupported, at: asked.afterAll), "an answer that is over was good")
}

private func isGood(_ answer: [UInt8], _ nonce: OCSPPolicy.Nonce, at time: Int64) -> Bool {
  do {
    try asked.question.verify(answer, policy: OCSPPolicy(nonce: nonce), at: time)
    return true
  } catch {
    return false
  }
}

/// libFuzzer calls from one thread only.
nonisolated(unsafe) private let asked = Asked()

private struct Asked {
  let issuer: Certificate
  let question: OCSPQuestion
  /// Within the validity of the certificates and answers of the corpus.
  let now: Int64
  /// When the longest answer is over, and the certificates are not.
  let afterAll: Int64

  init() {
    do {
      issuer = try Self.certificate("issuing.pem")
      let leaf = try Self.certificate("leaf.pem")
      question = OCSPQuestion(certificate: leaf, issuer: issuer)
      now = leaf.notBefore + 86_400
      afterAll = leaf.notAfter - 86_400
    } catch {
      preconditionFailure("no certificates: \(error)")
    }
  }

  /// `Scripts/fuzz` runs in the package's folder.
  private static func certificate(_ name: String) throws -> Certificate {
    try Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: "Tests/Fuzz/ocsp/\(name)"))))[0]
  }
}
