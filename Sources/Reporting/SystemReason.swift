import Foundation

extension Error {
  /// Why the system refused a file, in its words, such as `Is a directory`; Foundation's own description often says
  /// no more than a number.
  public var systemReason: String {
    let cause = (self as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
    if let cause = cause as? POSIXError { return String(cString: strerror(cause.code.rawValue)) }
    if let cause = cause as NSError?, cause.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(cause.code)))
    }
    return localizedDescription
  }
}
