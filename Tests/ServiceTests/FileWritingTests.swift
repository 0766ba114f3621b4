import Files
import Foundation
import Testing

/// Files in their places, also where the last step fails: the new file cannot be put there.
@Suite struct FileWritingTests {
  /// A folder with something in it stands where the file should be.
  @Test func whatCannotBeRenamedLeavesNothingBehind() throws {
    let folder = NSTemporaryDirectory() + "countersign-files-\(UUID().uuidString)"
    let place = "\(folder)/key.pem"
    try FileManager.default.createDirectory(atPath: "\(place)/within", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let error = #expect(throws: FileError.self) { try Files.write([1, 2, 3], to: place) }
    #expect(error?.code == EISDIR && error?.description.contains("\(place).new") == true, "\(error as Any)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key.pem"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["within"])
  }

  @Test func aFileThatMustBeNewReplacesNothingAndLeavesNothingBehind() throws {
    let folder = NSTemporaryDirectory() + "countersign-files-\(UUID().uuidString)"
    let place = "\(folder)/key.pem"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Files.checkMakeable(place)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    try Files.make([1, 2, 3], at: place, mode: 0o600)
    let error = #expect(throws: FileError.self) { try Files.make([4], at: place, mode: 0o600) }
    #expect(error?.description.contains("\(place): it exists already") == true, "\(error as Any)")
    #expect(try Files.readSecret(place) == [1, 2, 3])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key.pem"])
  }

  /// The former contents stay, and the next write is not held up by what the failed one left.
  @Test func theNextWriteReplacesTheFormerContents() throws {
    let folder = NSTemporaryDirectory() + "countersign-files-\(UUID().uuidString)"
    let place = "\(folder)/key.pem"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: FileError.self) { try Files.write([1], to: place) }
    try FileManager.default.removeItem(atPath: place)
    try Files.write([2], to: place)
    try Files.write([3], to: place)
    #expect(try Files.read(place) == [3])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key.pem"])
  }
}
