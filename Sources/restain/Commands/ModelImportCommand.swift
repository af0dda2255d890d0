import CommandLineKit
import Foundation
import Networks
import Staining

/// `restain model import FILE.pth --architecture pix2pix-unet256 -o M.safetensors`: a model from PyTorch.
enum ModelImportCommand: Command {
  /// The networks that can be taken over.
  enum Architecture: String, CaseIterable, Sendable {
    case pix2pix = "pix2pix-unet256"
    case bridge = "adm"
    case inception = "inception-fid"
    case segmenter = "segmenter-unet"
  }

  /// The statistics that a checkpoint can be made for.
  enum Normalization: String, CaseIterable, Sendable {
    case reference, running
  }

  static let architecture = Option<Architecture>.required(
    "architecture", .choice(), "the network; its width and depth are read from the shapes")
  static let pixelSize = Option<Double?>.optional(
    "pixel-size", .pixelSize,
    "microns a pixel that it was trained at; required unless it is inception-fid")
  static let fromStain = Option<String?>.optional(
    "from", .text("STAIN"),
    "the stain that it takes, such as ihc; required of pix2pix-unet256 and adm")
  static let toStain = Option<String?>.optional(
    "to", .text("STAIN"),
    "the stain that it gives, such as he; required of pix2pix-unet256 and adm")
  static let classes = Option<String?>.optional(
    "classes", .path("FILE"),
    "of a segmenter: its classes in the order of its outputs, with name and color; numbered if not given"
  )
  static let normalization = Option<Normalization>.value(
    "normalization", .choice(), default: "reference",
    "of pix2pix-unet256, statistics that normalise: each tile's own, as the public test code does, or those "
      + "kept from training"
  )
  static let betaMax = Option<Double>.value(
    "beta-max", .number("B", in: 1e-6...100), default: "0.3",
    "of a bridge: the largest diffusion that it was trained with")
  static let isDeterministic = Option.flag(
    "ot-ode", "of a bridge: it was trained without noise, as optimal transport")
  static let output = Option<String>.required(
    "output", short: "o", .path("M.safetensors"), "model to write")

  static let description = CommandDescription(
    "model import", "take over a network that PyTorch trained",
    discussion: """
      Reads what torch.save wrote, as archive or in the legacy form, or a safetensors file with the \
      same names. Nothing in the file is executed. The generator of the public pix2pix code lies in \
      latest_net_G.pth; of the public I2SB code, latest.pt is taken with its running average, and bare \
      state dictionaries of its network are taken as they are.

      A segmenter is the public U-Net with bilinear=False; --classes takes a JSON array such as \
      [{"name": "stroma", "color": [240, 150, 190]}].

      inception-fid is the network of FID and its kin, pt_inception-2015-12-05-6726825d.pth of the \
      public pytorch-fid, for evaluate conversion --inception; it stains nothing and needs neither pixel \
      size nor stains. Where a file's name ends with eight digits of its SHA-256, they are checked.
      """,
    operands: [Operand("FILE", "checkpoint")],
    options: [
      architecture.entry, pixelSize.entry, fromStain.entry, toStain.entry, normalization.entry,
      betaMax.entry, isDeterministic.entry, classes.entry, output.entry, SharedOptions.force.entry,
    ],
    examples: [
      "model import latest_net_G.pth --architecture pix2pix-unet256 --pixel-size 0.5 --from ihc "
        + "--to he -o ki67.safetensors",
      "model import latest.pt --architecture adm --pixel-size 0.5 --from ihc --to he "
        + "-o bridge.safetensors",
      "model import checkpoint_epoch5.pth --architecture segmenter-unet --pixel-size 0.5 "
        + "--classes classes.json -o tissue.safetensors",
      "model import pt_inception-2015-12-05-6726825d.pth --architecture inception-fid "
        + "-o inception.safetensors",
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    try checkOptions(context)
    let (path, target) = (context.operands[0], context[output])
    try Files.requireInput(path)
    try Files.requireFree(target, force: context.isForced)
    for input in [path, context[classes]].compactMap(\.self) {
      try Files.requireOther(input, output: target)
    }
    let card: ModelCard
    let parameters: Int
    switch context[architecture] {
    case .pix2pix:
      let model = try StainModel(
        pix2pixCheckpoint: path, pixelSizeMicrons: try required(pixelSize, context),
        fromStain: try required(fromStain, context), toStain: try required(toStain, context),
        normalization: context[normalization] == .reference ? .reference : .running,
        restainVersion: VersionCommand.version)
      try model.write(to: target)
      card = model.card
      parameters = try model.parameterCount(path: target)
    case .bridge:
      card = try StainModel.takeBridge(
        checkpoint: path, to: target,
        schedule: BridgeSchedule(
          BridgeSchedule.Options(
            betaMax: context[betaMax], isDeterministic: context[isDeterministic])),
        pixelSizeMicrons: try required(pixelSize, context),
        fromStain: try required(fromStain, context), toStain: try required(toStain, context),
        restainVersion: VersionCommand.version)
      parameters = card.bridge?.network.parameterCount ?? 0
    case .segmenter: return try importSegmenter(path, to: target, context)
    case .inception: return try importInception(path, to: target, context)
    }
    context.addOutput(target)
    let way =
      card.bridge.map { "beta-max \($0.schedule.options.betaMax)" }
      ?? "normalization \(card.normalization.rawValue)"
    context.print(
      "\(target)  \(card.architecture.rawValue), \(card.baseChannels) channels, "
        + "\(parameters) parameters, \(way)")
    return .success
  }
}

/// `restain model export M -o F.pth`: a model for PyTorch.
enum ModelExportCommand: Command {
  static let output = Option<String>.required(
    "output", short: "o", .path("F.pth"), "PyTorch file to write")

  static let description = CommandDescription(
    "model export", "write a model's weights for PyTorch",
    discussion: """
      Writes the bare state dictionary under the names of the public pix2pix code, of a bridge those of \
      ADM's and I2SB's diffusion network, of a segmenter those of the public U-Net, as archive; torch.load(F, weights_only=True) reads it. The card (pixel size, stains) is left out.
      """,
    operands: [Operand("M", "model file")],
    options: [output.entry, SharedOptions.force.entry],
    examples: ["model export ki67.safetensors -o latest_net_G.pth"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let (path, target) = (context.operands[0], context[output])
    try Files.requireInput(path)
    try Files.requireFree(target, force: context.isForced)
    try Files.requireOther(path, output: target)
    try StainModel(path: path).writePyTorchFile(to: target, modelPath: path)
    context.addOutput(target)
    context.print(target)
    return .success
  }
}
