import Foundation
import TestSupport
import Testing

/// OpenBLAS as it behaves on other machines, played by a library that is loaded before it.
@Suite("The matrix library of another machine")
struct MatrixLibraryTests {
  private static let compiler = Tool("clang")

  /// A CPU that the library does not know, and kernels that multiply wrongly.
  ///
  /// `FAKE_CORE` is what the library takes by itself. With `FAKE_STUBBORN` it looks at its variable when it
  /// is loaded alone. Its product is the plain one; on the cores that `FAKE_WRONG` names it is 0.01 off.
  private static let source = """
    #include <stdlib.h>
    #include <string.h>
    #include <strings.h>
    static char core[64];
    static void choose(void) {
      const char *wanted = getenv("OPENBLAS_CORETYPE");
      const char *own = getenv("FAKE_CORE");
      strncpy(core, wanted && *wanted ? wanted : own ? own : "Prescott", 63);
    }
    __attribute__((constructor)) static void start(void) { choose(); }
    char *openblas_get_corename(void) { return core; }
    void gotoblas_dynamic_quit(void) {}
    void gotoblas_dynamic_init(void) { if (!getenv("FAKE_STUBBORN")) choose(); }
    void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                     const float *b, int ldb, float beta, float *c, int ldc) {
      const char *wrong = getenv("FAKE_WRONG");
      float error = wrong && strcasestr(wrong, core) ? 0.01f : 0;
      for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
          float sum = 0;
          for (int p = 0; p < k; p++) sum += a[i * lda + p] * b[p * ldb + j];
          // The last column: an edge that a careless test would miss.
          c[i * ldc + j] = sum + (j == n - 1 ? error : 0);
        }
    }
    """

  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    guard Self.compiler.isPresent else { return }
    try Data(("#define _GNU_SOURCE\n" + Self.source).utf8)
      .write(to: URL(fileURLWithPath: scratch.path("fake.c")))
    try Self.compiler.run([
      "-shared", "-fPIC", "-O1", "-o", scratch.path("fake.so"), scratch.path("fake.c"),
    ])
  }

  private func run(
    _ arguments: [String], _ environment: [String: String]
  ) throws -> CommandLineTool.Outcome {
    try tool.run(
      arguments,
      environment: ["LD_PRELOAD": scratch.path("fake.so"), "OPENBLAS_CORETYPE": ""]
        .merging(environment) { $1 })
  }

  private func core(_ environment: [String: String]) throws -> String {
    let outcome = try run(["version", "--json"], environment)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    let fields = try SlideFiles.object(outcome.output)
    #expect(fields["openblas_self_test"] as? String == "passed")
    return (fields["openblas_core"] as? String ?? "").uppercased()
  }

  /// What this machine's CPU runs, by the program's own kernels.
  private func widest() throws -> String {
    try SlideFiles.object(try tool.run(["version", "--json"]).output)["kernels"] as? String ?? ""
  }

  /// The cores that suit this machine's CPU when the library does not know it.
  private func cured() throws -> [String] {
    switch try widest() {
    case "avx512": ["SKYLAKEX"]
    case "avx2": ["HASWELL", "ZEN"]
    default: ["PRESCOTT"]
    }
  }

  @Test(
    "a library that does not know the CPU is told which kernels it runs",
    .enabled(if: compiler.isPresent, Comment(rawValue: compiler.absence)))
  func unknown() throws {
    #expect(try cured().contains(core(["FAKE_CORE": "Prescott"])))
  }

  @Test(
    "a library that cannot be told while it runs is told by a new start",
    .enabled(if: compiler.isPresent, Comment(rawValue: compiler.absence)))
  func restart() throws {
    #expect(try cured().contains(core(["FAKE_STUBBORN": "1"])))
    // The arguments come through, and the start is no loop where it does not help.
    let outcome = try run(["versoin"], ["FAKE_STUBBORN": "1"])
    #expect(outcome.status == 64 && outcome.diagnostics.contains("versoin"))
    #expect(try core(["FAKE_STUBBORN": "1", "OPENBLAS_CORETYPE": "Prescott"]) == "PRESCOTT")
  }

  @Test(
    "kernels that multiply wrongly are given up for others, and without any left nothing is computed",
    .enabled(if: compiler.isPresent, Comment(rawValue: compiler.absence)))
  func wrong() throws {
    if try widest() == "avx512" {
      #expect(try ["HASWELL", "ZEN"].contains(core(["FAKE_WRONG": "SkylakeX"])))
    }
    #expect(try core(["FAKE_WRONG": "SkylakeX Haswell Zen"]) == "PRESCOTT")
    let environment = ["FAKE_WRONG": "SkylakeX Haswell Zen Prescott"]
    let training = ["train", "pix2pix", "--data", scratch.url.path, "-o", scratch.path("m")]
    for arguments in [["version"], training] {
      let outcome = try run(arguments, environment)
      #expect(outcome.status == 1 && outcome.output == "", "\(outcome.diagnostics)")
      let lines = outcome.diagnostics.split(separator: "\n")
      #expect(lines.count == 1)
      #expect(outcome.diagnostics.contains("a test product is off by 0.0"))
    }
  }
}
