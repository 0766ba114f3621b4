import Files

/// The file of reserved STANs, for what operators do while no service runs.
public enum STANFile {
  /// Leaves numbers out: a service that starts later goes on behind them.
  ///
  /// - Throws: `FileError`, also where the file is not one of ours.
  public static func skip(_ count: UInt64, in path: String) throws(FileError) {
    let (terminals, next) = try STANPool.read(path)
    try Files.write(STANPool.text(terminals: terminals, next: next + count), to: path)
  }
}
