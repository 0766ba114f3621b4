import CProtocPlugin
import Glibc

/// Encodes a CodeGeneratorResponse with libprotobuf-c. The program ends after one, so what is allocated here is not
/// given back.
enum PluginResponse {
  private typealias OutputFile = Google__Protobuf__Compiler__CodeGeneratorResponse__File

  /// FEATURE_PROTO3_OPTIONAL: said so that protoc leaves the refusal, with file and line, to this program.
  private static let features: UInt64 = 1

  static func encode(_ files: [(name: String, content: String)]) -> [UInt8] {
    encode { response in
      let list = UnsafeMutablePointer<UnsafeMutablePointer<OutputFile>?>.allocate(capacity: files.count)
      for (index, file) in files.enumerated() {
        let message = UnsafeMutablePointer<OutputFile>.allocate(capacity: 1)
        google__protobuf__compiler__code_generator_response__file__init(message)
        message.pointee.name = strdup(file.name)
        message.pointee.content = strdup(file.content)
        list[index] = message
      }
      response.n_file = files.count
      response.file = list
    }
  }

  static func encode(error: String) -> [UInt8] {
    encode { $0.error = strdup(error) }
  }

  private static func encode(_ fill: (inout Google__Protobuf__Compiler__CodeGeneratorResponse) -> Void) -> [UInt8] {
    var response = Google__Protobuf__Compiler__CodeGeneratorResponse()
    google__protobuf__compiler__code_generator_response__init(&response)
    response.has_supported_features = 1
    response.supported_features = features
    fill(&response)
    let count = google__protobuf__compiler__code_generator_response__get_packed_size(&response)
    return [UInt8](unsafeUninitializedCapacity: count) { output, written in
      written = google__protobuf__compiler__code_generator_response__pack(&response, output.baseAddress)
    }
  }
}
