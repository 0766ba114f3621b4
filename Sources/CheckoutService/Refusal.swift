import Bytes
import CountersignRPC
import Cryptography
import Payments

/// Why the service refuses a call. Raw values are the stable reasons of `proto/PROTOCOL.md`.
///
/// The public text comes from this table alone; what exactly went wrong goes to the journal as ``ServiceRefusal/cause``.
public enum RefusalReason: String, Sendable, CaseIterable {
  case companyCertificateRequired = "COMPANY_CERTIFICATE_REQUIRED"
  case certificateRefused = "CERTIFICATE_REFUSED"
  case challengeInvalid = "CHALLENGE_INVALID"
  case signatureInvalid = "SIGNATURE_INVALID"
  case countersignatureInvalid = "COUNTERSIGNATURE_INVALID"
  case wrongDestination = "WRONG_DESTINATION"
  case sealingKeyUnknown = "SEALING_KEY_UNKNOWN"
  case notRegistered = "NOT_REGISTERED"
  case wrongCompany = "WRONG_COMPANY"
  case revoked = "REVOKED"
  case deviceChanged = "DEVICE_CHANGED"
  case sessionOver = "SESSION_OVER"
  case wrongPath = "WRONG_PATH"
  case wrongGateway = "WRONG_GATEWAY"
  case replayed = "REPLAYED"
  case proofInvalid = "PROOF_INVALID"
  case identityRequired = "IDENTITY_REQUIRED"
  case identityVoid = "IDENTITY_VOID"
  case keywordRejected = "KEYWORD_REJECTED"
  case paymentSealRejected = "PAYMENT_SEAL_REJECTED"
  case paymentExpired = "PAYMENT_EXPIRED"
  case idempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED"
  case idempotencyKeyTime = "IDEMPOTENCY_KEY_TIME"
  case ledgerRestored = "LEDGER_RESTORED"
  case ledgerUnconfirmed = "LEDGER_UNCONFIRMED"
  case invalidField = "INVALID_FIELD"
  case paymentNotFound = "PAYMENT_NOT_FOUND"
  case storeUnavailable = "STORE_UNAVAILABLE"
  case tooManyOpenCalls = "TOO_MANY_OPEN_CALLS"
  case deadlineExceeded = "DEADLINE_EXCEEDED"
  case tokenInvalid = "TOKEN_INVALID"
  case tokenUsed = "TOKEN_USED"
  case tokenExpired = "TOKEN_EXPIRED"
  case enrolmentRejected = "ENROLMENT_REJECTED"
  case administratorRequired = "ADMINISTRATOR_REQUIRED"
  case roleRequired = "ROLE_REQUIRED"
  case administratorNotFound = "ADMINISTRATOR_NOT_FOUND"
  case operationNotFound = "OPERATION_NOT_FOUND"
  case operationUnsupported = "OPERATION_UNSUPPORTED"
  case operationConflict = "OPERATION_CONFLICT"
  case operationNotWaiting = "OPERATION_NOT_WAITING"
  case operationOtherKind = "OPERATION_OTHER_KIND"
  case paymentNotCharged = "PAYMENT_NOT_CHARGED"
  case amountOverPayment = "AMOUNT_OVER_PAYMENT"
  case cutOffPassed = "CUT_OFF_PASSED"
  case secondAdministratorRequired = "SECOND_ADMINISTRATOR_REQUIRED"
  case nameTaken = "NAME_TAKEN"
  case certificateTaken = "CERTIFICATE_TAKEN"
  case companyNotFound = "COMPANY_NOT_FOUND"
  case consultantNotFound = "CONSULTANT_NOT_FOUND"
  case certificateNotFound = "CERTIFICATE_NOT_FOUND"
  case lockedOut = "LOCKED_OUT"
  case renewalTooEarly = "RENEWAL_TOO_EARLY"
  case messageInvalid = "MESSAGE_INVALID"
  case gatewayOnly = "GATEWAY_ONLY"
  case gatewayRequired = "GATEWAY_REQUIRED"
  case sourceRefused = "SOURCE_REFUSED"
  case outsideHours = "OUTSIDE_HOURS"
  case currencyRefused = "CURRENCY_REFUSED"
  case amountOverLimit = "AMOUNT_OVER_LIMIT"
  case dayLimitReached = "DAY_LIMIT_REACHED"
  case authorityUnreachable = "AUTHORITY_UNREACHABLE"
  case certificateUnknown = "CERTIFICATE_UNKNOWN"
  case noHeadYet = "NO_HEAD_YET"
  case rotationRunning = "ROTATION_RUNNING"
  case epochNotWaiting = "EPOCH_NOT_WAITING"
  case reconciliationRequired = "RECONCILIATION_REQUIRED"

  /// The reason has the same name.
  init(_ refusal: PolicyRefusal) {
    self =
      switch refusal {
      case .gatewayRequired: .gatewayRequired
      case .sourceRefused: .sourceRefused
      case .outsideHours: .outsideHours
      case .currencyRefused: .currencyRefused
      case .amountOverLimit: .amountOverLimit
      case .dayLimitReached: .dayLimitReached
      }
  }

  /// Status code that goes with the reason.
  public var code: StatusCode {
    switch self {
    case .companyCertificateRequired, .certificateRefused, .challengeInvalid, .signatureInvalid,
      .countersignatureInvalid, .sessionOver, .proofInvalid, .tokenInvalid, .tokenExpired, .certificateUnknown:
      .unauthenticated
    case .notRegistered, .wrongCompany, .revoked, .deviceChanged, .wrongPath, .wrongGateway, .administratorRequired,
      .roleRequired, .secondAdministratorRequired,
      .lockedOut, .gatewayOnly, .gatewayRequired, .sourceRefused, .outsideHours, .currencyRefused, .amountOverLimit,
      .dayLimitReached:
      .permissionDenied
    case .wrongDestination, .sealingKeyUnknown, .identityRequired, .identityVoid, .tokenUsed, .enrolmentRejected,
      .paymentExpired, .ledgerRestored, .renewalTooEarly, .rotationRunning, .operationUnsupported, .operationConflict,
      .operationNotWaiting, .operationOtherKind, .paymentNotCharged, .amountOverPayment, .cutOffPassed,
      .epochNotWaiting, .reconciliationRequired:
      .failedPrecondition
    case .replayed, .nameTaken, .certificateTaken, .idempotencyKeyReused: .alreadyExists
    case .keywordRejected, .paymentSealRejected, .invalidField, .idempotencyKeyTime, .messageInvalid: .invalidArgument
    case .paymentNotFound, .companyNotFound, .consultantNotFound, .certificateNotFound, .administratorNotFound,
      .operationNotFound:
      .notFound
    case .storeUnavailable, .ledgerUnconfirmed, .authorityUnreachable, .noHeadYet: .unavailable
    case .tooManyOpenCalls: .resourceExhausted
    case .deadlineExceeded: .deadlineExceeded
    }
  }

  /// Whether a login or enrolment that ends with it counts towards a lockout: not where the service or its time is the
  /// cause, nor where a company's certificate is missing or a token was used before, since nothing was tried out with it
  /// (who shows a token has its 16 random bytes) and an office with one terminal set up wrongly would be locked out.
  var isFailedLogin: Bool {
    switch self {
    case .storeUnavailable, .tooManyOpenCalls, .deadlineExceeded, .lockedOut, .sealingKeyUnknown, .renewalTooEarly,
      .gatewayRequired, .sourceRefused, .outsideHours, .authorityUnreachable, .companyCertificateRequired, .revoked,
      .tokenUsed:
      false
    default: true
    }
  }

  /// What the peer is told: the cause in general, and what to do.
  public var text: String {
    switch self {
    case .companyCertificateRequired:
      "no company certificate came with the login; log in through the company's gateway or install the company's key"
    case .certificateRefused: "a certificate of the login was refused; ask an operator which rule it failed"
    case .challengeInvalid: "the challenge is not ours, too old or used before; begin the login again"
    case .signatureInvalid: "the consultant's signature does not fit the statement and certificate"
    case .countersignatureInvalid: "the company's countersignature does not fit the statement and certificate"
    case .wrongDestination: "the statement names another service; the terminal's profile is not for this one"
    case .sealingKeyUnknown: "the sealing key is not offered any more; begin the login again"
    case .notRegistered: "a certificate is not registered here; enrol the terminal or add the company"
    case .wrongCompany: "consultant and company do not belong together"
    case .revoked: "consultant, company, device or certificate is revoked; ask an administrator"
    case .deviceChanged: "the MAC address is not the registered one; an administrator can register a new terminal"
    case .sessionOver: "the session is over or unknown; log in again"
    case .wrongPath: "the session belongs to another path; use the connection that the login used"
    case .wrongGateway:
      "this gateway belongs to another company than the consultant; connect to the gateway of the consultant's own "
        + "company, or to the service itself where that company has none"
    case .replayed: "this sequence was used before; says nothing about an outcome; ask GetPayment"
    case .proofInvalid: "the proof does not fit session, method and sequence"
    case .identityRequired: "nothing was done; call IssueIdentity, then seal this call anew"
    case .identityVoid: "nothing was recorded; the second identity is not the one in force, call IssueIdentity"
    case .keywordRejected: "the keyword does not open with this order and session; seal the payment anew"
    case .paymentSealRejected: "the card data does not open with this order and keyword; seal the payment anew"
    case .paymentExpired: "not_after_ms has passed; nothing was charged"
    case .idempotencyKeyReused: "the idempotency key belongs to a payment with other contents; nothing was charged"
    case .idempotencyKeyTime:
      "the idempotency key is no version 7 UUID of the last 24 hours; nothing was charged, make a new one"
    case .invalidField: "a field is wrong; nothing was done"
    case .ledgerRestored:
      "the ledger was restored from a copy and does not know the key, which may have been charged before; ask an "
        + "operator, who asks the acquirer"
    case .ledgerUnconfirmed: "payments are stopped until an administrator has confirmed the restored ledger"
    case .paymentNotFound: "no such payment is known here"
    case .storeUnavailable: "the ledger takes no new payments now; nothing was charged"
    case .tooManyOpenCalls: "too many calls are open; try again later"
    case .deadlineExceeded: "the deadline passed before anything was recorded"
    case .tokenInvalid:
      "the enrolment token is not known here as one of this kind; consultants' are for countersign-terminal enrol, "
        + "gateways' for countersign-gateway init"
    case .tokenUsed: "the enrolment token was used for another key; ask for a new one"
    case .tokenExpired: "the enrolment token is over; ask for a new one"
    case .enrolmentRejected: "the enrolment request does not open or its certificate request is wrong"
    case .administratorRequired: "this call needs an administrator's certificate on the connection"
    case .roleRequired: "the administrator has none of the roles that this call needs"
    case .administratorNotFound: "no administrator with this number"
    case .operationNotFound: "no refund, void or key act with this number"
    case .operationUnsupported: "the acquirer of this service does not do this"
    case .operationConflict: "another refund or void of the payment stands against it"
    case .operationNotWaiting: "the refund, void or key act is not in a state in which this can be done"
    case .operationOtherKind:
      "the number is of another kind: refunds and voids are confirmed by one call, acts on keys by another"
    case .paymentNotCharged: "the payment is not approved, or was reversed; there is nothing to give back"
    case .amountOverPayment: "the amount is more than what is left of the payment"
    case .cutOffPassed: "the acquirer's cut-off has passed; ask for a refund"
    case .secondAdministratorRequired: "another administrator than the one who asked for it must do this"
    case .nameTaken: "the name is registered already"
    case .certificateTaken: "the certificate or its subject is registered for another holder"
    case .companyNotFound: "no company has this name or number"
    case .consultantNotFound: "no consultant has this name or number"
    case .certificateNotFound: "no registered certificate of this name, or several; name it by its fingerprint"
    case .lockedOut: "too many logins failed; wait, or ask an administrator to unlock"
    case .renewalTooEarly: "the certificate is not in the last third of its life yet"
    case .messageInvalid: "the message breaks the decoding rules"
    case .gatewayOnly: "this call needs a company's certificate on the connection"
    case .gatewayRequired: PolicyRefusal.gatewayRequired.text
    case .sourceRefused: PolicyRefusal.sourceRefused.text
    case .outsideHours: PolicyRefusal.outsideHours.text
    case .currencyRefused: PolicyRefusal.currencyRefused.text
    case .amountOverLimit: PolicyRefusal.amountOverLimit(most: 0).text
    case .dayLimitReached: PolicyRefusal.dayLimitReached(most: 0).text
    case .authorityUnreachable:
      "the authority that issued a certificate cannot be reached or gives no usable answer; try again later"
    case .noHeadYet: "no signed head is over the record yet; try again later"
    case .certificateUnknown: "the authority that issued a certificate does not know it; ask that authority"
    case .rotationRunning: "cards are still being sealed again under the last new key; wait until that has ended"
    case .epochNotWaiting:
      "there is nothing to confirm: the ledger was never restored, or its epoch was confirmed before"
    case .reconciliationRequired:
      "no countersign-admin reconcile since the restore has something of the time that was lost: run one over that time, "
        + "or say why not"
    }
  }

  /// Shortest time to wait before another try, in milliseconds; nil where another try cannot help.
  public var retryAfterMilliseconds: UInt64? {
    switch self {
    case .storeUnavailable, .tooManyOpenCalls, .noHeadYet: 1_000
    case .authorityUnreachable: 2_000
    case .challengeInvalid, .sealingKeyUnknown, .identityRequired, .identityVoid: 0
    default: nil
    }
  }
}

/// A refusal with its two audiences: reason and field for the peer, the full cause for journal and log.
public struct ServiceRefusal: Error, Sendable {
  public var reason: RefusalReason
  /// Path of the wrong field, or nil.
  public var field: String?
  /// What was wrong with the field and what to do; shown to the peer with the field.
  public var description: String?
  /// For journal and log only.
  public var cause: String
  /// Number of the consultant whose signature or proof was good; nil before that.
  public var consultant: Int64?
  /// The consultant's certificate whose signature was good, where the register was not read yet.
  var signer: Certificate?
  /// Shortest time to wait before another try, in milliseconds, where it is not the reason's own.
  public var retryAfterMilliseconds: UInt64?

  public init(
    _ reason: RefusalReason, field: String? = nil, description: String? = nil, cause: String = "",
    consultant: Int64? = nil
  ) {
    self.reason = reason
    self.field = field
    self.description = description
    self.cause = cause
    self.consultant = consultant
  }

  /// The subject may try again in `remaining` milliseconds.
  ///
  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  static func lockedOut(_ subject: LockoutSubject, _ remaining: Int64, now: Int64) -> ServiceRefusal {
    let (field, name) =
      switch subject {
      case .consultant(let id): ("consultant", "\(id)")
      case .source(let address): ("source", address)
      }
    let until = RFC3339.text(seconds: (now + remaining + 999) / 1_000)
    var refusal = ServiceRefusal(
      .lockedOut, field: field, description: "\(name) is locked out until \(until)", cause: "\(field) \(name)",
      consultant: subject.consultant)
    refusal.retryAfterMilliseconds = UInt64(remaining)
    return refusal
  }

  /// What the writer's transaction refused.
  ///
  /// - Parameter key: the payment's.
  init(_ refusal: PaymentRefusal, key: Bytes16) {
    switch refusal {
    case .sessionOver: self.init(RefusalReason.sessionOver)
    case .identityVoid: self.init(RefusalReason.identityVoid)
    case .identityRequired: self.init(RefusalReason.identityRequired)
    case .deviceChanged: self.init(RefusalReason.deviceChanged)
    case .expired: self.init(RefusalReason.paymentExpired, field: "order.not_after_ms", description: "has passed")
    case .keyReused:
      self.init(RefusalReason.idempotencyKeyReused, field: "order.idempotency_key", description: "was used before")
    case .deadlineExceeded: self.init(RefusalReason.deadlineExceeded)
    case .storeUnavailable: self.init(RefusalReason.storeUnavailable)
    case .ledgerUnconfirmed: self.init(RefusalReason.ledgerUnconfirmed)
    case .notFound: self.init(RefusalReason.paymentNotFound)
    case .keyTimeRefused(let now):
      self.init(
        RefusalReason.idempotencyKeyTime, field: "order.idempotency_key", description: KeyTime.fault(of: key, now: now))
    case .ledgerRestored: self.init(RefusalReason.ledgerRestored)
    case .policy(let refusal):
      self.init(
        RefusalReason(refusal), field: refusal.violation?.field, description: refusal.violation?.description,
        cause: "company policy")
    }
  }

  /// A field of order or card that breaks a rule.
  init(_ violation: FieldViolation) {
    self.init(.invalidField, field: violation.field, description: violation.description, cause: "\(violation)")
  }

  /// The status that the peer gets: table text, reason, and the field where there is one.
  public var status: RPCStatus {
    let violations = field.map { [RPCStatus.Violation(field: $0, description: description ?? reason.text)] } ?? []
    return RPCStatus(
      reason.code, reason.text, reason: reason.rawValue,
      retryAfterMilliseconds: retryAfterMilliseconds ?? reason.retryAfterMilliseconds, violations: violations)
  }
}
