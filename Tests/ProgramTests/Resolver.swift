import Foundation
import Testing

/// A resolver that leads one name elsewhere, for any process and without rights: getaddrinfo(3) of a small library that
/// is loaded before libc's.
enum Resolver {
  private static let source = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <netdb.h>
    #include <stdlib.h>
    #include <string.h>
    int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
      int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
          dlsym(RTLD_NEXT, "getaddrinfo");
      if (node && !strcmp(node, getenv("RESOLVED_NAME"))) node = getenv("RESOLVED_ADDRESS");
      return libc(node, service, hints, result);
    }
    """

  /// Builds the library.
  ///
  /// - Returns: the environment of a process in which `name` has `address`.
  static func environment(_ name: String, _ address: String, folder: String) throws -> [String: String] {
    let (file, library) = ("\(folder)/resolver.c", "\(folder)/resolver.so")
    if !FileManager.default.fileExists(atPath: library) {
      try Data(source.utf8).write(to: URL(fileURLWithPath: file))
      let built = try Program.shell("clang -shared -fPIC -o \(library) \(file) -ldl")
      try #require(built.status == 0, "\(built.errors)")
    }
    return ["LD_PRELOAD": library, "RESOLVED_NAME": name, "RESOLVED_ADDRESS": address]
  }
}
