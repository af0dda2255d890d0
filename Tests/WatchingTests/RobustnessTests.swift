import Foundation
import Reporting
import TestSupport
import Testing
import Watching

/// What must not go wrong when clocks, disks, shares and people do.
@Suite("A service under adverse conditions")
struct RobustnessTests {
  @Test("a stop does not wait for a journal that cannot be written, nor turn in circles")
  func stopWithoutJournal() throws {
    let lab = try started()
    let jobs = lab.outbox + "/.state/jobs"
    try FileManager.default.moveItem(atPath: jobs, toPath: jobs + ".away")
    lab.service.stop()
    #expect(lab.service.tick() > 0.5, "nothing is due while a worker ends")
    lab.executor.end(.exited(status: 143, message: nil))
    lab.settle()
    #expect(lab.service.isFinished)
  }

  @Test("a job that is cancelled while the service stops is not taken up again")
  func cancelWhileStopping() throws {
    let lab = try started()
    let job = try #require(lab.job("A_CK7"))
    lab.service.stop()
    try DurableRequest.write(.cancel, of: job, in: lab)
    lab.settle()
    lab.executor.end(.exited(status: 143, message: nil))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .cancelled)
  }

  @Test("a request outlives a service that is killed before it has met it")
  func requestAfterCrash() throws {
    let lab = try started()
    let job = try #require(lab.job("A_CK7"))
    try DurableRequest.write(.cancel, of: job, in: lab)
    _ = lab.service.tick()
    // The worker has not ended yet: the service is killed.
    try lab.restart()
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .cancelled)
    #expect(try DurableRequest.names(in: lab).isEmpty)
  }

  @Test(
    "a share that goes away in a step of a case that has done others costs an attempt, not the job")
  func outageInStep() throws {
    let lab = try started()
    try lab.removeSlide("A_CK7.svs")
    lab.executor.end(.failedStep(message: "A_CK7.svs: broken slide"))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .queued)
    // A slide that is there and broken is no outage.
    let other = try started()
    other.executor.end(.failedStep(message: "A_CK7.svs: broken slide"))
    other.settle()
    #expect(other.job("A_CK7")?.state == .failed)
  }

  @Test("a job that waits for its turn takes a fixed section that comes meanwhile")
  func lateFixedSection() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s', freeDisk: '1 GiB' }")
    lab.surface.freeBytes = 0
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    #expect(lab.job("A_CK7")?.state == .queued && lab.job("A_CK7")?.fixed == nil)
    try lab.drop("A_HE.svs")
    lab.pass(70)
    lab.surface.freeBytes = 2 << 30
    lab.pass(10)
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.executor.tasks[0].arguments.contains { $0.hasSuffix("/A_HE.svs") })
  }

  @Test("nothing is queued alone while the inbox is away")
  func awayInbox() throws {
    let lab = try Laboratory("watch: { pairWait: '2 min' }")
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    let away = lab.scratch.path("away")
    try FileManager.default.moveItem(atPath: lab.inbox, toPath: away)
    lab.pass(300)
    #expect(lab.job("A_CK7")?.state == .waiting)
    try FileManager.default.moveItem(atPath: away, toPath: lab.inbox)
    lab.pass(20)
    #expect(lab.job("A_CK7")?.state == .running)
  }

  @Test("a clock that is set back by years makes no job wait for years")
  func clockSetBack() throws {
    let lab = try Laboratory()
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    #expect(lab.job("A_CK7")?.state == .waiting)
    let path = lab.outbox + "/.state/jobs/\(try #require(lab.job("A_CK7")).id).json"
    let text = try #require(lab.text(path))
    // As though it had come ten years from now.
    let year = Calendar(identifier: .gregorian).component(.year, from: lab.time.date)
    try text.replacing("\(year)-", with: "\(year + 10)-")
      .write(toFile: path, atomically: true, encoding: .utf8)
    try lab.restart()
    lab.pass(20)
    #expect(lab.job("A_CK7")?.state == .running)
  }

  @Test(
    "reports of two slides of one name stand beside each other, and each goes with its own slide")
  func reportsOfOneName() throws {
    let lab = try Laboratory("watch: { attempts: 1 }")
    try lab.drop("d1/B_broken.svs")
    try lab.drop("d2/B_broken.svs")
    lab.pass(70)
    let failed = lab.outbox + "/failed"
    func reports() -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: failed)) ?? []).sorted()
    }
    #expect(reports().count == 2, "\(reports())")
    let texts = reports().compactMap { lab.text("\(failed)/\($0)/reason.txt") }
    #expect(texts.contains { $0.contains("/d1/") } && texts.contains { $0.contains("/d2/") })
  }

  @Test("a slide of several files changes with each of them, and is known by all")
  func companions() throws {
    let lab = try Laboratory()
    let index = "[Virtual Microscope Specimen]\nImageFile=C_CK7.jpg\nImageFile(0,1)=C_CK7_b.jpg\n"
    let slide = "\(lab.inbox)/C_CK7.vms"
    try Data(index.utf8).write(to: URL(fileURLWithPath: slide))
    #expect(
      SlideFiles.companions(of: slide) == ["C_CK7.jpg", "C_CK7_b.jpg"].map { "\(lab.inbox)/\($0)" })
    lab.pass(50)
    let before = try SlideFiles.hash(of: slide)
    // The picture is still being copied: it is not quiet yet.
    for _ in 0..<5 {
      try lab.drop("C_CK7.jpg", "more \(UUID())")
      lab.pass(40)
      #expect(lab.job("C_CK7") == nil)
    }
    #expect(try SlideFiles.hash(of: slide) != before)
    lab.pass(70)
    #expect(lab.job("C_CK7") != nil)
    // No file outside the folder is one of the slide.
    try Data("ImageFile=../x.jpg\nMapFile=/etc/passwd\n".utf8)
      .write(to: URL(fileURLWithPath: slide))
    #expect(SlideFiles.companions(of: slide).isEmpty)
  }

  @Test("what an interrupted write left is never written through, be it a link to a slide")
  func linkedPartial() throws {
    let folder = try TemporaryDirectory()
    let (slide, output) = (folder.path("slide.tif"), folder.path("A.json"))
    try Data("pixels".utf8).write(to: URL(fileURLWithPath: slide))
    try FileManager.default.createSymbolicLink(
      atPath: output + ".partial", withDestinationPath: slide)
    try DurableFile.write(Data("text".utf8), to: output)
    #expect(try String(contentsOfFile: slide, encoding: .utf8) == "pixels")
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "text")
  }
}

/// A request as `restain jobs` leaves it for a service that runs.
private enum DurableRequest {
  static func write(_ request: JobRequest, of job: JobRecord, in lab: Laboratory) throws {
    try Data().write(to: URL(fileURLWithPath: "\(folder(lab))/\(job.id).\(request.rawValue)"))
  }

  static func names(in lab: Laboratory) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder(lab))
  }

  private static func folder(_ lab: Laboratory) -> String { lab.outbox + "/.state/requests" }
}
