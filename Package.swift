// swift-tools-version: 6.2
// The layers of restain, lowest first. A target names its direct dependencies only, all of them from
// layers below its own; `make check` fails on an import that is not named here.
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"), .treatAllWarnings(as: .error),
]

/// Kernels: one CPU family each, raw pointers only; bounds and overflow checks are the caller's.
func kernels(_ name: String, march: String) -> [Target] {
  [
    .target(
      name: name,
      swiftSettings: settings + [
        // Optimised in debug builds too: otherwise generic code of the standard library, compiled for
        // this family, would be left in the object as weak symbols that other modules could pick up.
        .unsafeFlags(["-Xcc", "-march=\(march)", "-Ounchecked"])
      ])
  ]
}

/// A library target, its direct dependencies (always from a lower layer), and its test target.
///
/// Fixtures are files that tests read by path.
func layer(
  _ name: String, _ dependencies: [Target.Dependency] = [], tests: [Target.Dependency] = [],
  fixtures: [String] = []
) -> [Target] {
  [
    .target(name: name, dependencies: dependencies, swiftSettings: settings),
    .testTarget(
      name: "\(name)Tests",
      dependencies: [.target(name: name), "TestSupport"] + dependencies.filter(isSwift) + tests,
      exclude: fixtures, swiftSettings: settings),
  ]
}

/// Tests may use what the module under test uses, except the C libraries.
func isSwift(_ dependency: Target.Dependency) -> Bool {
  switch dependency {
  case .byNameItem(let name, _): !["COpenSlide", "CTIFF", "COpenBLAS"].contains(name)
  default: true
  }
}

func systemLibrary(_ name: String, _ pkgConfig: String, _ debian: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian])])
}

let layers: [[Target]] = [
  // 0: C libraries and kernels
  [
    systemLibrary("COpenSlide", "openslide", "libopenslide-dev"),
    systemLibrary("CTIFF", "libtiff-4", "libtiff-dev"),
    systemLibrary("COpenBLAS", "openblas", "libopenblas-dev"),
  ],
  kernels("KernelsAVX512", march: "skylake-avx512"),
  kernels("KernelsAVX2", march: "haswell"),
  kernels("KernelsBaseline", march: "x86-64"),
  // 1: values, settings, the terminal
  layer("Rasters"),
  layer("Tensors", ["COpenBLAS", "KernelsAVX512", "KernelsAVX2", "KernelsBaseline"]),
  layer("Settings"),
  layer("CommandLineKit"),
  layer("Reporting"),
  layer("Pictures", ["CTIFF", "Rasters"]),
  // 2: files, networks, registration
  layer("Slides", ["COpenSlide", "CTIFF", "Rasters"], tests: ["Pictures", "Pyramids"]),
  layer("Pyramids", ["CTIFF", "Rasters"]),
  layer("Registration", ["Rasters", "Tensors"], tests: ["Phantoms", "Pictures"]),
  layer("Networks", ["Tensors"], fixtures: ["Fixtures"]),
  layer("Stitching", ["Rasters"]),
  // 3: what the product does
  layer(
    "Staining",
    [
      "Rasters", "Tensors", "Settings", "Reporting", "Pictures", "Slides", "Pyramids",
      "Registration", "Networks", "Stitching",
    ]),
  layer("Evaluation", ["Networks", "Tensors", "Rasters", "Stitching"]),
  layer("Phantoms", ["Rasters", "Pyramids"]),
  // 4: a case
  layer(
    "Pipeline",
    [
      "Rasters", "Tensors", "Settings", "Reporting", "Pictures", "Slides", "Pyramids",
      "Registration", "Networks", "Stitching", "Staining", "Evaluation", "Phantoms",
    ]),
  // 5: the service
  layer("Watching", ["Pipeline", "Settings", "Reporting"]),
]

/// Everything that the two programs may call.
let everything: [Target.Dependency] = [
  "Rasters", "Tensors", "Settings", "CommandLineKit", "Reporting", "Pictures", "Slides", "Pyramids",
  "Registration", "Networks", "Stitching", "Staining", "Evaluation", "Phantoms", "Pipeline",
  "Watching",
]

let programs: [Target] = [
  .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
  .executableTarget(name: "restain", dependencies: everything, swiftSettings: settings),
  .executableTarget(name: "restain-bench", dependencies: everything, swiftSettings: settings),
  .testTarget(
    name: "EndToEndTests",
    dependencies: [
      "TestSupport", "Rasters", "Tensors", "Reporting", "Pictures", "Slides", "Pyramids",
      "Registration", "Networks", "Staining",
      "restain",
    ],
    swiftSettings: settings),
]

let package = Package(
  name: "restain",
  targets: layers.flatMap { $0 } + programs
)
