import CProtocPlugin
import Glibc

// Reads a CodeGeneratorRequest on standard input and writes a CodeGeneratorResponse on standard output
// (google/protobuf/compiler/plugin.proto). A refusal is an answer too: protoc prints it and fails.

let input = readInput()
let request = input.withUnsafeBufferPointer {
  google__protobuf__compiler__code_generator_request__unpack(nil, $0.count, $0.baseAddress)
}
guard let request else {
  let text = "protoc-gen-countersign-swift: standard input is no CodeGeneratorRequest; protoc runs this program\n"
  write(STDERR_FILENO, text, text.utf8.count)
  exit(65)
}

do throws(Refusal) {
  let wanted = (0..<request.pointee.n_file_to_generate).compactMap { text(request.pointee.file_to_generate[$0]) }
  let files = list(request.pointee.proto_file, request.pointee.n_proto_file).map { ProtoFile($0) }
  let options = try Options(text(request.pointee.parameter) ?? "")
  writeOutput(PluginResponse.encode(try Generator(files: files, wanted: wanted, options: options).run()))
} catch {
  writeOutput(PluginResponse.encode(error: error.text))
}

func readInput() -> [UInt8] {
  var input: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(STDIN_FILENO, &chunk, chunk.count)
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return input }
    input += chunk[..<count]
  }
}

func writeOutput(_ output: [UInt8]) {
  var rest = output[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { exit(74) }
    rest = rest.dropFirst(count)
  }
}
