import Bytes
import Cryptography
import Seals
import Testing

/// Every step of the key schedule agrees with the independent program's, byte for byte.
@Suite struct ScheduleTests {
  @Test func theVectorsAreThere() {
    #expect(ScheduleCase.all.count >= 3)
  }

  @Test(arguments: ScheduleCase.all)
  func presetInformationIsHPKEInfo(_ vector: ScheduleCase) throws {
    #expect(try preset(vector).hpkeInfo == vector["hpke_info"])
  }

  @Test(arguments: ScheduleCase.all)
  func enrolmentOpens(_ vector: ScheduleCase) throws {
    let key = try X25519PrivateKey(raw: vector.secret("recipient_private_key"))
    #expect(key.publicKey == vector["recipient_public_key"])
    let context = try HPKE.recipient(enc: vector["enrolment_enc"], key: key, info: vector["hpke_info"])
    #expect(EnrolmentSeal.associatedData == vector["enrolment_aad"])
    let opened = try context.open(aad: EnrolmentSeal.associatedData, box: vector["enrolment_box"])
    #expect(opened.copied == vector["enrolment_secret"])
  }

  @Test(arguments: ScheduleCase.all)
  func signingInputsArePacked(_ vector: ScheduleCase) throws {
    #expect(SigningInput.statement(vector["statement"]) == vector["statement_signing_input"])
    let countersignature = SigningInput.countersignature(
      statement: vector["statement"], signature: vector["statement_signature"],
      companyLeaf: try vector.bytes32("company_certificate_digest"))
    #expect(countersignature == vector["countersignature_input"])
    #expect(SigningInput.sealingKey(vector["sealing_key"]) == vector["sealing_key_signing_input"])
    #expect(SigningInput.profile(vector["profile"]) == vector["profile_signing_input"])
  }

  @Test(arguments: ScheduleCase.all)
  func signaturesOfOtherProgramsAreGood(_ vector: ScheduleCase) throws {
    let consultant = try Certificate(der: vector["consultant_certificate"])
    let company = try Certificate(der: vector["company_certificate"])
    #expect(
      consultant.publicKey.isValid(
        signature: vector["statement_signature"], for: SigningInput.statement(vector["statement"])))
    #expect(
      company.publicKey.isValid(
        signature: vector["countersignature"],
        for: SigningInput.countersignature(
          statement: vector["statement"], signature: vector["statement_signature"],
          companyLeaf: company.fingerprint)))
    #expect(consultant.fingerprint.bytes == vector["consultant_certificate_digest"])
  }

  @Test(arguments: ScheduleCase.all)
  func keysAreExported(_ vector: ScheduleCase) throws {
    let keys = try keys(vector)
    #expect(keys.call.copied == vector["call_key"])
    #expect(keys.identity.copied == vector["identity_key"])
    #expect(keys.keyword.copied == vector["keyword_key"])
    #expect(keys.login.copied == vector["login_key"])
    #expect(keys.reply.copied == vector["reply_key"])
  }

  @Test(arguments: ScheduleCase.all)
  func proofsBindMethodSessionAndSequence(_ vector: ScheduleCase) throws {
    let keys = try keys(vector)
    let session = try vector.bytes16("session")
    for (method, name) in [("IssueIdentity", "identity"), ("GetPayment", "lookup"), ("Logout", "logout")] {
      let proof = keys.proof(
        method: "/countersign.v1.Checkout/\(method)", session: session, sequence: vector.number("\(name)_sequence"))
      #expect(proof.bytes == vector["\(name)_proof"])
    }
  }

  @Test(arguments: ScheduleCase.all)
  func secondIdentityIsDerivedStoredAndSealed(_ vector: ScheduleCase) throws {
    let session = try vector.bytes16("session")
    let identity = SecondIdentity.derive(
      random: vector.secret("identity_random"), session: session,
      consultant: Int64(bitPattern: vector.number("consultant_id")),
      certificate: try vector.bytes32("consultant_certificate_digest"))
    #expect(identity.copied == vector["second_identity"])
    #expect(SecondIdentity.storedDigest(identity, session: session).bytes == vector["stored_identity"])
    let box = SecondIdentity.seal(
      identity, nonce: vector["identity_nonce"], session: session, proof: vector["identity_proof"],
      keys: try keys(vector))
    #expect(box == vector["identity_box"])
    let opened = try SecondIdentity.open(
      box: box, nonce: vector["identity_nonce"], session: session, proof: vector["identity_proof"],
      keys: try keys(vector))
    #expect(opened.copied == vector["second_identity"])
  }

  @Test(arguments: ScheduleCase.all)
  func paymentKeyNeedsIdentityMACAddressAndLogin(_ vector: ScheduleCase) throws {
    let key = try keys(vector).paymentKey(
      identityAndMAC: vector.secret("payment_key_salt"), session: try vector.bytes16("session"),
      leaf: try vector.bytes32("consultant_certificate_digest"))
    #expect(key.copied == vector["payment_key"])
  }

  @Test(arguments: ScheduleCase.all)
  func keywordAndCardAreSealed(_ vector: ScheduleCase) throws {
    let seals = try paymentSeals(vector)
    let sequence = vector.number("payment_sequence")
    var keyword = [UInt8](repeating: 0, count: SealSize.keyword)
    var payment = [UInt8](repeating: 0, count: vector["card_data"].count + SealSize.tag)
    vector["order"].withUnsafeBytes { order in
      vector["keyword_plaintext"].withUnsafeBytes { plain in
        keyword.withUnsafeMutableBytes { seals.sealKeyword(plain, order: order, sequence: sequence, into: $0) }
      }
      keyword.withUnsafeBytes { keyword in
        vector["card_data"].withUnsafeBytes { card in
          payment.withUnsafeMutableBytes {
            seals.sealPayment(card, order: order, keyword: keyword, sequence: sequence, into: $0)
          }
        }
      }
    }
    #expect(keyword == vector["keyword"])
    #expect(payment == vector["payment"])
  }

  @Test(arguments: ScheduleCase.all)
  func answersAreSealed(_ vector: ScheduleCase) throws {
    let keys = try keys(vector)
    let login = ReplySeal(keys: keys, method: "/countersign.v1.Checkout/Login")
      .seal(vector["login_result"], digest: try vector.bytes32("statement_digest"), sequence: 0)
    #expect(login == vector["login_reply_body"])
    let payment = ReplySeal(keys: keys, method: "/countersign.v1.Checkout/SubmitPayment")
      .seal(
        vector["payment_answer"], digest: try vector.bytes32("order_digest"),
        sequence: vector.number("payment_sequence"))
    #expect(payment == vector["payment_reply_body"])
    let lookup = ReplySeal(keys: keys, method: "/countersign.v1.Checkout/GetPayment")
      .seal(
        vector["lookup_answer"], digest: try vector.bytes32("lookup_proof_digest"),
        sequence: vector.number("lookup_sequence"))
    #expect(lookup == vector["lookup_reply_body"])
  }
}

/// What a case fixes before the login.
func preset(_ vector: ScheduleCase) throws -> PresetInformation {
  PresetInformation(
    serviceName: vector.text("service_name"), rootFingerprint: SHA256.digest(vector["root_certificate"]),
    sealingKeyID: vector["sealing_key_id"])
}

/// The keys of a case's login, from its HPKE encapsulation.
func keys(_ vector: ScheduleCase) throws -> SessionKeys {
  let key = try X25519PrivateKey(raw: vector.secret("recipient_private_key"))
  let context = try HPKE.recipient(enc: vector["enc"], key: key, info: try preset(vector).hpkeInfo)
  return SessionKeys(context: context, statement: SHA256.digest(vector["statement"]))
}

/// The seals of a case's session with its identity in force.
func paymentSeals(_ vector: ScheduleCase) throws -> PaymentSeals {
  let seals = PaymentSeals(
    keys: try keys(vector), session: try vector.bytes16("session"),
    leaf: try vector.bytes32("consultant_certificate_digest"))
  seals.use(identityAndMAC: vector.secret("keyword_plaintext"))
  return seals
}
