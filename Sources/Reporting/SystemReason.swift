import Foundation

extension Error {
  /// The one line that tells of an error: `subject: problem; next step`.
  public var message: String {
    // A Foundation error's description is a dump of its fields.
    if type(of: self) is NSError.Type || self is CocoaError { return OneLine.of(systemReason) }
    return OneLine.of(String(describing: self))
  }

  /// Why the system refused a file, in its words, such as `Is a directory`; Foundation's own description often says
  /// no more than a number.
  public var systemReason: String {
    let cause = (self as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
    guard let cause = cause as NSError?, cause.domain == NSPOSIXErrorDomain else {
      return localizedDescription
    }
    return String(cString: strerror(Int32(cause.code)))
  }
}
