import Tensors
import Testing

@Suite("The matrix library")
struct BLASTests {
  @Test("it is prepared, passes its test, and multiplies")
  func product() throws {
    let information = try BLASLibrary.prepare()
    #expect(!information.coreName.isEmpty)
    #expect(information.selfTestError > 0 && information.selfTestError < 1e-4)
    let product = BLASLibrary.product(
      Tensor(shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
      Tensor(shape: [3, 2], values: [1, 0, 0, 1, 1, 1]))
    #expect(product == Tensor(shape: [2, 2], values: [4, 5, 10, 11]))
  }

  @Test(
    "kernels are chosen by what the CPU runs",
    arguments: [
      // A CPU that the library does not know.
      (KernelFamily.avx512, false, "Prescott", nil, ["SKYLAKEX", "HASWELL", "Prescott"]),
      (.avx512, true, "Prescott", nil, ["SKYLAKEX", "ZEN", "Prescott"]),
      (.avx2, true, "Nehalem", nil, ["ZEN", "Nehalem", "PRESCOTT"]),
      (.avx2, false, "Prescott", nil, ["HASWELL", "Prescott"]),
      (.baseline, false, "Nehalem", nil, ["Nehalem", "PRESCOTT"]),
      // A good choice of its own stays.
      (.avx512, true, "Cooperlake", nil, ["Cooperlake", "SKYLAKEX", "ZEN", "PRESCOTT"]),
      (.avx2, false, "Haswell", nil, ["Haswell", "PRESCOTT"]),
      // AVX2 kernels are half of what an AVX-512 CPU can do.
      (.avx512, false, "Haswell", nil, ["SKYLAKEX", "HASWELL", "PRESCOTT"]),
      // Whoever asks for a core gets it, unless the CPU does not run it.
      (
        .avx512, false, "Cooperlake", "Haswell", ["Haswell", "Cooperlake", "SKYLAKEX", "PRESCOTT"]
      ),
      (.avx512, false, "Prescott", "PRESCOTT", ["PRESCOTT", "SKYLAKEX", "HASWELL"]),
      (.avx512, false, "SkylakeX", "", ["SkylakeX", "HASWELL", "PRESCOTT"]),
      (.avx2, false, "SkylakeX", "SKYLAKEX", ["HASWELL", "PRESCOTT"]),
      (.baseline, false, "Haswell", "haswell", ["PRESCOTT"]),
    ] as [(KernelFamily, Bool, String, String?, [String])])
  func candidates(
    family: KernelFamily, isAMD: Bool, current: String, requested: String?, expected: [String]
  ) {
    let cores = BLASCores(family: family, isAMD: isAMD)
    #expect(
      cores.candidates(current: current, requested: requested).map { $0.uppercased() }
        == expected.map { $0.uppercased() })
  }
}
