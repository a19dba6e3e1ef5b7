import { join } from 'node:path';
import { ENCODER_NETWORK, inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { EngineError } from '../interface/engine-error.ts';
import type { EncodedPicture, PictureEncoderInfo, RgbPicture } from '../interface/vision.ts';
import { assertUnchanged } from '../llama-cpp/verified-model.ts';
import { formatOnnxClass, isExactOnnxClass } from '../onnx/numeric-class.ts';
import type { OnnxFolderLoad } from '../onnx/plan-folder.ts';
import { loadOnnxLibrary, type OnnxSession, type OnnxTensor } from '../onnx/runtime/sessions.ts';
import { type EncoderRun, PIXELS } from './families/family.ts';
import { openPictureReader } from './families/registry.ts';

/** The name of the rows in every export. */
const ROWS = 'image_features';
/** The most values of a row. */
const MOST_ROW_SIZE = 1 << 16;

/** An encoder, loaded in this process. */
export interface EncoderModel {
  readonly info: PictureEncoderInfo;
  /** @param isCancelled is called between the runs of the network; if it returns true, the call throws. */
  encode(picture: RgbPicture, isCancelled: () => boolean): Promise<EncodedPicture>;
}

/** Loads an encoder in this process. @throws EngineError. */
export async function openEncoderModel({
  modelPath,
  modelRoot,
  files,
  own,
  runtimes,
}: OnnxFolderLoad): Promise<EncoderModel> {
  assertUnchanged(files);
  const folder = inspectEncoderFolder(modelPath);
  const reader = openPictureReader(folder);
  const runtime = runtimes.find(({ backend }) => backend === own.backend);
  if (runtime === undefined) throw new EngineError('unsupported-model', `no runtime for ${own.backend}`);
  const library = await loadOnnxLibrary(runtime);
  const path = join(folder.path, ENCODER_NETWORK);
  const externalFiles = folder.onnx.externalFiles.map((file) => join(folder.path, 'onnx', file));
  const session = await library.open({ path, externalFiles }, { threads: own.threads });
  assertUnchanged(files);

  const prepare = (picture: RgbPicture) => {
    try {
      return reader.prepare(picture);
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      throw new EngineError('invalid-request', `the picture cannot be prepared: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  const [probe] = prepare(PROBE).runs;
  assertInputs(session, path, probe as EncoderRun);
  // The first run shows the size of a row, and whether the network computes at all.
  const rowSize = (await runNetwork(session, path, probe as EncoderRun)).length / (probe as EncoderRun).rows;
  if (!Number.isInteger(rowSize) || rowSize > MOST_ROW_SIZE)
    throw new EngineError('unsupported-model', `${path} returns rows of ${rowSize} values`);

  return {
    info: {
      root: modelRoot,
      numericClass: formatOnnxClass(own),
      exact: isExactOnnxClass(own),
      ...{ rowSize, mark: reader.mark, mostRows: reader.mostRows },
    },
    async encode(picture, isCancelled) {
      const { pieces, grids, runs } = prepare(picture);
      const count = pieces.reduce<number>((sum, piece) => sum + (typeof piece === 'number' ? piece : 0), 0);
      if (count > reader.mostRows)
        throw new EngineError(
          'invalid-request',
          `the picture has ${count} rows; at most ${reader.mostRows} are possible`,
        );
      const rows = new Float32Array(count * rowSize);
      let at = 0;
      for (const run of runs) {
        if (isCancelled()) throw new EngineError('cancelled', 'the picture was cancelled');
        const values = await runNetwork(session, path, run);
        if (values.length !== run.rows * rowSize || at + values.length > rows.length)
          throw new EngineError('engine-crashed', `the encoder returned ${values.length} values for ${run.rows} rows`);
        rows.set(values, at);
        at += values.length;
      }
      if (at !== rows.length)
        throw new EngineError('engine-crashed', `the encoder returned ${at} of ${rows.length} values`);
      return { pieces, rows, ...(grids && { grids }) };
    },
  };
}

/** A gray picture. */
const PROBE: RgbPicture = { width: 64, height: 64, rgb: new Uint8Array(64 * 64 * 3).fill(128) };

/** @throws EngineError('unsupported-model') if the network has other inputs or outputs than its family. */
function assertInputs({ inputs, outputs }: OnnxSession, path: string, { feeds }: EncoderRun): void {
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${path} ${problem}`);
  };
  const pixels = inputs.find(({ name }) => name === PIXELS);
  if (pixels === undefined) refuse(`has no input "${PIXELS}"`);
  if (!outputs.includes(ROWS)) refuse(`has no output "${ROWS}"`);
  for (const { name, type } of inputs) {
    const fed = feeds[name] ?? refuse(`needs "${name}", which is not supported`);
    if (type !== fed.type && !(fed.type === 'bool' && type === 'int64'))
      refuse(`reads "${name}" as ${type}; possible is ${fed.type}`);
  }
}

async function runNetwork(session: OnnxSession, path: string, { feeds }: EncoderRun): Promise<Float32Array> {
  const given = session.inputs.map(({ name, type }) => [name, toType(feeds[name] as OnnxTensor, type)] as const);
  const { [ROWS]: rows } = await session.run(Object.fromEntries(given));
  if (!(rows?.data instanceof Float32Array))
    throw new EngineError('unsupported-model', `${path} has no output "${ROWS}" of f32`);
  if (!rows.data.every(Number.isFinite))
    throw new EngineError('engine-crashed', 'the encoder computed a value that is not finite');
  return rows.data;
}

/** Some exports read a mask as integers. */
const toType = (tensor: OnnxTensor, type: string): OnnxTensor =>
  tensor.type === 'bool' && type === 'int64'
    ? { ...tensor, type, data: BigInt64Array.from(tensor.data as Uint8Array, BigInt) }
    : tensor;
