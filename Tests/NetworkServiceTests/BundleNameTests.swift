import Bundles
import Testing

/// Versions, platforms and names of bundles.
@Suite struct BundleNameTests {
  @Test(arguments: [("1.0.0", "1.0.1"), ("1.9.0", "1.10.0"), ("9.9.9", "10.0.0"), ("0.0.0", "0.0.4294967295")])
  func versionsCompareByNumber(_ lower: String, _ higher: String) throws {
    let (lower, higher) = (try #require(ProgramVersion(lower)), try #require(ProgramVersion(higher)))
    #expect(lower < higher)
    #expect(!(higher < lower))
  }

  @Test(arguments: [
    "", "1", "1.0", "1.0.0.0", "1.0.", ".1.0", "01.0.0", "1.00.0", "1.0.-1", "1.0.+1", "1.0.0 ", "1.0.0-rc1",
    "1.0.4294967296", "١.0.0",
  ])
  func whatIsNoVersionIsNotRead(_ text: String) {
    #expect(ProgramVersion(text) == nil)
  }

  @Test func thePlatformStandsInTheELFHeader() {
    let head: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1] + [UInt8](repeating: 0, count: 12)
    #expect(ProgramPlatform(ofELF: head + [62, 0])?.description == "linux-x86_64")
    #expect(ProgramPlatform(ofELF: head + [183, 0])?.description == "linux-aarch64")
    #expect(ProgramPlatform(ofELF: head + [3, 0]) == nil)
    #expect(ProgramPlatform(ofELF: head + [62]) == nil)
    #expect(ProgramPlatform(ofELF: Array("#!/bin/sh\necho hello there\n".utf8)) == nil)
  }

  @Test func namesAreThoseOfTheDocument() throws {
    let name = BundleName(
      program: .gateway, version: try #require(ProgramVersion("1.2.3")),
      platform: try #require(ProgramPlatform("linux-aarch64")))
    #expect(name.file == "countersign-gateway-1.2.3-linux-aarch64")
    #expect(name.signature == "countersign-gateway-1.2.3-linux-aarch64.sig")
    #expect(name.description == "countersign-gateway-1.2.3-linux-aarch64.signed")
    #expect(BundleName.newest(.gateway, name.platform) == "countersign-gateway-linux-aarch64.signed")
  }
}
