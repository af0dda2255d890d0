/// Every key of the configuration with its default: the one place where defaults of the service stand.
public enum SettingTable {
  /// Where slides arrive.
  public static let inbox = Setting<String?>(
    "watch.inbox", .orNull(.text), default: .null,
    "The folder that is watched; it is read and never written.")
  /// Where cases go.
  public static let outbox = Setting<String>(
    "watch.outbox", .text, default: .text("pyramids"),
    "The folder of the results, one folder a case.")
  /// Where the jobs are kept.
  public static let state = Setting<String?>(
    "watch.state", .orNull(.text), default: .null,
    "The folder of the job files; null is .state in the outbox.")
  /// How names tell block and stain.
  public static let pattern = Setting<String>(
    "watch.pattern", .namePattern, default: .text("(?<block>.+)[_-](?<stain>[^_-]+)"),
    "How a file's name without its extension tells tissue block and stain.")
  /// Which files are slides.
  public static let extensions = Setting<[String]>(
    "watch.extensions", .texts,
    default: .list(
      ["svs", "tif", "tiff", "ndpi", "mrxs", "scn", "bif", "svslide", "vms", "vmu"]
        .map(SettingValue.text)),
    "The file name extensions of slides; other files are left alone.")
  /// How long a file must be quiet.
  public static let settle = Setting<Double>(
    "watch.settle", .seconds, default: .text("60 s"),
    "A file is taken when its size and time have not changed for so long and it opens.")
  /// How often the inbox is read.
  public static let rescan = Setting<Double>(
    "watch.rescan", .seconds(atLeast: 0.1), default: .text("10 s"),
    "How often the folder is read; this also finds what network shares do not announce.")
  /// How long a moving slide waits for its fixed one.
  public static let pairWait = Setting<Double>(
    "watch.pairWait", .seconds, default: .text("10 min"),
    "How long a slide waits for its H&E section before it is converted alone.")
  /// Attempts before a case has failed.
  public static let attempts = Setting<Int>(
    "watch.attempts", .integer(in: 1...100), default: .number(3),
    "How often a case is tried before it counts as failed.")
  /// The first wait between two attempts.
  public static let retryDelay = Setting<Double>(
    "watch.retryDelay", .seconds, default: .text("30 s"),
    "The wait before the second attempt; it doubles with each further one.")
  /// How long a case may take.
  public static let caseTimeout = Setting<Double>(
    "watch.caseTimeout", .seconds(atLeast: 1), default: .text("24 h"),
    "A case that runs longer is stopped; it counts as an attempt.")
  /// Cases at one time.
  public static let parallelCases = Setting<Int>(
    "watch.parallelCases", .integer(in: 1...64), default: .number(1),
    "How many cases run at one time; each uses all threads that it is given.")
  /// Disk that must stay free.
  public static let freeDisk = Setting<Int>(
    "watch.freeDisk", .bytes, default: .text("2 GiB"),
    "No case starts while the outbox has less free disk than this.")
  /// What stain names mean.
  public static let stains = Setting<[String: String]>(
    "stains", .words,
    default: .object([
      "HE": .text("he"), "H&E": .text("he"), "US": .text("unstained"), "*": .text("ihc"),
    ]),
    "Which stain of the pattern is of which kind, in any case of letters; he is the fixed section.")
  /// Which model converts which kind.
  public static let models = Setting<[String: String]>(
    "models", .paths, default: .object([:]),
    "Which model converts which kind of stain; paths are relative to this file.")
  /// Pixel sizes of slides that have none.
  public static let pixelSizes = Setting<[String: Double]>(
    "pixelSizes", .pixelSizes, default: .object([:]),
    "Pixel sizes of slides that have none in their file, by a pattern of file names.")
  /// Overlap of the tiles.
  public static let overlap = Setting<Int>(
    "convert.overlap", .integer(in: 0...128), default: .number(64),
    "By how many pixels neighbouring tiles of 256 overlap.")
  /// Whether background is converted too.
  public static let allTiles = Setting<Bool>(
    "convert.allTiles", .boolean, default: .boolean(false),
    "Whether background is converted too, instead of staying as it is.")
  /// How levels are stored.
  public static let layout = Setting<String>(
    "pyramid.layout", .word(["universal", "chained", "ome", "aperio"]), default: .text("universal"),
    "How the levels of written pyramids are stored.")
  /// How pixels are stored.
  public static let compression = Setting<String>(
    "pyramid.compression", .word(["jpeg", "lzw", "deflate", "none"]), default: .text("jpeg"),
    "How the pixels of written pyramids are stored.")
  /// JPEG quality.
  public static let quality = Setting<Int>(
    "pyramid.quality", .integer(in: 1...100), default: .number(90),
    "The JPEG quality of written pyramids.")
  /// Whether registration goes on at a finer scale.
  public static let fineRegistration = Setting<Bool>(
    "register.fine", .boolean, default: .boolean(false),
    "Whether registration goes on at a finer scale, which takes longer.")
  /// Threads of a case.
  public static let threads = Setting<Int?>(
    "compute.threads", .orNull(.integer(in: 1...1024)), default: .null,
    "Threads that a case computes with; null is all processors.")
  /// Memory of a case.
  public static let memory = Setting<Int?>(
    "compute.memory", .orNull(.bytes), default: .null,
    "Memory that a case may use, such as \"4 GiB\"; null is what the work needs.")
  /// Kernels of a case.
  public static let kernels = Setting<String>(
    "compute.kernels", .word(["auto", "avx512", "avx2", "baseline"]), default: .text("auto"),
    "The family of compute kernels.")

  /// Every key, in the order in which the shipped file lists them.
  public static let entries: [SettingEntry] = [
    inbox.entry, outbox.entry, state.entry, pattern.entry, extensions.entry, settle.entry,
    rescan.entry, pairWait.entry, attempts.entry, retryDelay.entry, caseTimeout.entry,
    parallelCases.entry, freeDisk.entry, stains.entry, models.entry, pixelSizes.entry,
    overlap.entry, allTiles.entry, layout.entry, compression.entry, quality.entry,
    fineRegistration.entry, threads.entry, memory.entry, kernels.entry,
  ]
}
