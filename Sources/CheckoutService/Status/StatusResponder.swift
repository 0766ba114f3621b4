import Bytes
import Cryptography
import Logging
import Payments
import StorageSQLite
import Synchronization

/// The service's own OCSP responder (RFC 6960): answers from the register for what the issuing authority issued.
///
/// Answers without a nonce are kept for half of their life; a revocation throws them away before it is told.
final class StatusResponder: Sendable {
  /// Seconds for which an answer is good.
  static let life: Int64 = 60
  /// Answers kept.
  static let largestKept = 10_000

  private struct Kept {
    var answers: [OCSPRequest.Question: (der: [UInt8], until: Int64)] = [:]
    /// Rises with each revocation, so that what was read before it is not kept after it.
    var revocations = 0
  }

  private let issuer: Certificate
  private let signer: Mutex<OCSPSigner>
  private let register: SQLiteReader
  private let clock: ServiceClock
  private let logger: Logger
  private let kept = Mutex(Kept())

  /// - Parameter register: on a connection of its own.
  init(issuer: Certificate, signer: OCSPSigner, register: SQLiteReader, clock: ServiceClock, logger: Logger) {
    self.issuer = issuer
    self.signer = Mutex(signer)
    self.register = register
    self.clock = clock
    self.logger = logger
  }

  /// Signs with another certificate from now on.
  func use(_ signer: OCSPSigner) {
    self.signer.withLock { $0 = signer }
    forget()
  }

  /// Throws away every answer that was signed ahead.
  func forget() {
    kept.withLock { kept in
      kept.answers = [:]
      kept.revocations += 1
    }
  }

  /// DER of the answer.
  func answer(_ der: [UInt8]) async -> [UInt8] {
    let request: OCSPRequest
    do {
      request = try OCSPRequest(der: der)
    } catch {
      return OCSPFailure.malformedRequest.der
    }
    let now = clock.wall() / 1_000
    let single = request.nonce == nil && request.questions.count == 1 ? request.questions[0] : nil
    let (ready, revocations) = kept.withLock { kept in
      (single.flatMap { kept.answers[$0] }.flatMap { now < $0.until ? $0.der : nil }, kept.revocations)
    }
    if let ready { return ready }
    do {
      var statuses: [OCSPStatus] = []
      for question in request.questions { statuses.append(try await status(question)) }
      let answer = try signer.withLock { $0 }
        .answer(request, statuses, thisUpdate: now, nextUpdate: now + Self.life)
      // Unknown may become good at any moment.
      if let single, statuses != [.unknown] { keep(answer, to: single, now: now, revocations) }
      return answer
    } catch let error as StoreError {
      logger.error("the register could not be read for OCSP", metadata: ["error": "\(error)"])
      return OCSPFailure.tryLater.der
    } catch {
      logger.error("an OCSP answer could not be signed", metadata: ["error": "\(error)"])
      return OCSPFailure.internalError.der
    }
  }

  private func status(_ question: OCSPRequest.Question) async throws -> OCSPStatus {
    guard let serial = question.serial, question.isOf(issuer: issuer),
      let row = try await register.certificate(issuer: issuer.subjectDER, serial: serial)
    else { return .unknown }
    guard let revocation = row.revocation else { return .good }
    return .revoked(time: revocation.time / 1_000, reason: revocation.reason.rawValue)
  }

  private func keep(_ answer: [UInt8], to question: OCSPRequest.Question, now: Int64, _ revocations: Int) {
    kept.withLock { kept in
      guard kept.revocations == revocations else { return }
      if kept.answers.count >= Self.largestKept { kept.answers = [:] }
      kept.answers[question] = (answer, now + Self.life / 2)
    }
  }
}
