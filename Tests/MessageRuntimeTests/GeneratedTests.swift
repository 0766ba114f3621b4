import CountersignRPC
import MessageRuntime
import Messages
import Testing

/// What generated structs, enums, clients and services do.
@Suite struct GeneratedTests {
  @Test func emptyMessageHasNoBytes() throws {
    #expect(Everything().encoded() == [])
    #expect(try Everything(decoding: []) == Everything())
  }

  @Test func unknownEnumValueIsKept() throws {
    var scalars = Scalars()
    scalars.size = .init(rawValue: 1_234)
    let read = try Scalars(decoding: scalars.encoded())
    #expect(read.size.rawValue == 1_234)
    #expect(read == scalars)
  }

  @Test func enumValuesLoseTheEnumsPrefix() {
    #expect(Colour.infraRed.rawValue == -3)
    #expect(Scalars.Size.largeOne.rawValue == 1)
    #expect(Scalars.Size._2xl.rawValue == 2)
  }

  @Test func choiceOfAZeroIsStillChosen() throws {
    var choice = Choice()
    choice.value = .int32Value(0)
    #expect(try Choice(decoding: choice.encoded()).value == .int32Value(0))
  }

  @Test func lastOfAOneofHolds() throws {
    let bytes = WireBytes.varintField(3, 1) + WireBytes.field(8, "text")
    #expect(try Choice(decoding: bytes).value == .stringValue("text"))
  }

  @Test func mapEntryWithoutKeyAndValueHasTheirDefaults() throws {
    let maps = try Maps(decoding: WireBytes.field(1, []) + WireBytes.field(10, []))
    #expect(maps.byInt32 == [0: ""])
    #expect(maps.bySfixed64 == [0: Imported()])
  }

  @Test func lastEntryOfAMapKeyHolds() throws {
    let entries = [1, 2].flatMap { WireBytes.field(8, WireBytes.tag(1, 1) + [5, 0, 0, 0, 0, 0, 0, 0, 0x10, $0]) }
    #expect(try Maps(decoding: entries).byFixed64 == [5: 2])
  }

  @Test func mapIsWrittenInTheOrderOfItsKeys() {
    var maps = Maps()
    maps.byInt32 = Dictionary(uniqueKeysWithValues: (0..<40).map { (Int32($0), "\($0)") })
    #expect((0..<5).allSatisfy { _ in maps.encoded() == maps.encoded() })
    var same = Maps()
    for key in maps.byInt32.keys.shuffled() { same.byInt32[key] = "\(key)" }
    #expect(same.encoded() == maps.encoded())
  }

  @Test func namesOfSwiftAndCGoThrough() throws {
    var names = Names()
    (names.selfValue, names.initValue, names.class, names.c, names.arena) = (1, 2, 3, 4, 5)
    (names.entry, names.index) = (["a": 6], ["b": Names()])
    (names.camelCase, names.upperCase, names._1st, names.nil, names.write) = (7, 8, 9, 10, 11)
    names.in = .repeat("twelve")
    var thing = Names.HTTPThing()
    thing.lower = Names.HTTPThing.LowerCase()
    thing.lower?.type = .selfValue
    names.thing = thing
    (names.await, names.old, names.long) = (13, 14, [15, 16])
    #expect(try Names(decoding: names.encoded()) == names)
  }

  @Test func messageInsideItselfGoesThroughByKeywords() throws {
    var expression = Expression()
    expression.else = Expression()
    expression.else?.await = Expression()
    expression.else?.default = .some(1)
    expression.default = .none(Expression())
    #expect(try Expression(decoding: expression.encoded()) == expression)
  }

  @Test func typesOfOneNameAreToldApart() throws {
    var envelope = Envelope()
    (envelope.inner, envelope.outer, envelope.state) = (Envelope.Payload_(), Payload(), .full)
    envelope.inner?.number = 1
    envelope.outer?.text = "two"
    #expect(try Envelope(decoding: envelope.encoded()) == envelope)
    var event = Event()
    event.payload = .first(Payload())
    #expect(try Event(decoding: event.encoded()).payload == Event.Payload_.first(Payload()))
  }

  @Test func deprecatedFieldsGoThroughInOtherMessages() throws {
    var names = Names()
    names.old = 1
    var event = Event()
    (event.names, event.moreNames, event.namesByText, event.message) = (names, [names], ["a": names], .onlyNames(names))
    #expect(try Event(decoding: event.encoded()) == event)
  }

  @Test func aliasOfTheSameNameIsTheSameValue() {
    #expect(Alias.none.rawValue == 0)
    #expect(Alias.one.rawValue == 1)
  }

  @Test func requestThatDoesNotDecodeIsInvalidArgumentWithTheField() {
    let bytes = WireBytes.field(1, WireBytes.field(3, [])) + WireBytes.varintField(2, 1)
    let status = #expect(throws: RPCStatus.self) { try LoginRequest(request: bytes) }
    #expect(status?.code == .invalidArgument)
    #expect(status?.reason == "MESSAGE_INVALID")
    #expect(status?.violations.map(\.field) == ["signature"])
    #expect(status?.violations.map(\.description) == ["has another wire type than the field"])
  }

  @Test func replyThatDoesNotDecodeIsInternal() async {
    let client = CheckoutClient(FixedCaller(reply: [0xFF]))
    let status = await #expect(throws: RPCStatus.self) { _ = try await client.beginLogin(BeginLoginRequest()) }
    #expect(status?.code == .internal)
    #expect(status?.reason == "REPLY_INVALID")
  }

  @Test func clientCallsThePathOfTheMethod() async throws {
    var reply = LoginReply()
    reply.body = [1, 2, 3]
    let client = CheckoutClient(FixedCaller(reply: reply.encoded(), path: "/countersign.v1.Checkout/Login"))
    #expect(try await client.login(LoginRequest()).body == [1, 2, 3])
  }

  @Test func pathsOfMethodsAreFull() {
    #expect(CheckoutMethods.submitPayment == "/countersign.v1.Checkout/SubmitPayment")
  }
}

/// Answers every call alike.
private struct FixedCaller: UnaryCaller {
  var reply: [UInt8]
  var path: String?

  func call(_ method: String, _ request: [UInt8], options: CallOptions) async throws(RPCStatus) -> [UInt8] {
    if let path, method != path { throw RPCStatus(.unimplemented, "called \(method)") }
    return reply
  }
}
