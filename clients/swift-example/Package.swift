// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "swift-example",
  dependencies: [
    .package(name: "countersign", path: "../.."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    .target(name: "CEcho", linkerSettings: [.linkedLibrary("protobuf-c")]),
    .target(name: "Echo", dependencies: ["CEcho", .product(name: "CountersignRPC", package: "countersign")]),
    .executableTarget(
      name: "echo-example", dependencies: ["Echo", .product(name: "Logging", package: "swift-log")]),
  ],
  swiftLanguageModes: [.v6]
)
