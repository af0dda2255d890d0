#if canImport(Glibc)
import Glibc
#endif
import Foundation
import Synchronization

/// A child process started by spawn and exec, whose lines of output arrive as they come.
final class ChildProcess: Sendable {
  /// Why it could not be started.
  struct StartError: Error {
    let reason: String
  }

  /// How it ended.
  enum End: Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// The number of the process.
  let identifier: pid_t
  private let hasEnded = Mutex(false)

  /// Starts a program with signals as in a fresh process, nothing to read, and errors to a file.
  ///
  /// - Parameters:
  ///   - program: The path of the program.
  ///   - arguments: The words after its name.
  ///   - errorPath: The file that takes its standard error; written anew.
  ///   - onLine: Called with each line of standard output, from one thread.
  ///   - onEnd: Called once after the last line.
  /// - Throws: ``StartError`` if the system starts no process.
  init(
    program: String, arguments: [String], errorPath: String,
    onLine: @escaping @Sendable (String) -> Void, onEnd: @escaping @Sendable (End) -> Void
  ) throws(StartError) {
    guard let (readEnd, writeEnd) = SelfClosingPipe.ends() else {
      throw StartError(reason: Self.text(errno))
    }
    let result = Self.spawn(program, arguments, output: writeEnd, errorPath: errorPath)
    close(writeEnd)
    switch result {
    case .failure(let error):
      close(readEnd)
      throw error
    case .success(let identifier): self.identifier = identifier
    }
    let drained = DispatchSemaphore(value: 0)
    Self.thread("restain.child.output") {
      Self.readLines(readEnd, onLine)
      drained.signal()
    }
    Self.thread("restain.child.wait") { [self] in
      let end = waitForEnd()
      // A grandchild may hold the pipe open; the child's own lines are there within a second.
      _ = drained.wait(timeout: .now() + 1)
      onEnd(end)
    }
  }

  /// Sends a signal unless the process has ended and its number may belong to another.
  func signal(_ number: Int32) {
    hasEnded.withLock { if !$0 { kill(identifier, number) } }
  }

  private func waitForEnd() -> End {
    // Waits without reaping, so that the number stays ours until nobody can signal it any more.
    var information = siginfo_t()
    while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    return hasEnded.withLock {
      $0 = true
      var status: Int32 = 0
      while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7F
      return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
    }
  }

  private static func spawn(
    _ program: String, _ arguments: [String], output: Int32, errorPath: String
  ) -> Result<pid_t, StartError> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o640)

    // The service ignores signals that it listens to otherwise; its children must not inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))

    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var identifier: pid_t = 0
    let problem = posix_spawn(&identifier, program, &actions, &attributes, words, environ)
    return problem == 0 ? .success(identifier) : .failure(StartError(reason: text(problem)))
  }

  private static func readLines(_ descriptor: Int32, _ onLine: (String) -> Void) {
    defer { close(descriptor) }
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      pending += buffer[..<count]
      while let end = pending.firstIndex(of: 0x0A) {
        onLine(String(decoding: pending[..<end], as: UTF8.self))
        pending.removeSubrange(...end)
      }
    }
    if !pending.isEmpty { onLine(String(decoding: pending, as: UTF8.self)) }
  }

  private static func thread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.start()
  }

  private static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
