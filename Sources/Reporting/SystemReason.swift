import Foundation

extension Error {
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
