import { fileURLToPath } from 'node:url';
import { type HashedFolder, hashTokenizers, inspectModelFolder, type ModelFolder } from '@ogong/models/model-folder';
import { createTrajectoryEngine } from '../decode/trajectory/trajectory-engine.ts';
import type { TrajectoryEngine } from '../interface/trajectory.ts';
import { createSupervisor, type SupervisorEvent } from '../process/supervisor.ts';
import type { OnnxTrajectoryContract } from './load-options.ts';
import { type PictureFacts, readPictureFacts } from './picture-facts.ts';
import { type OnnxFolderOptions, planOnnxFolder, toEngineError } from './plan-folder.ts';
import { ONNX_ENVIRONMENT } from './runtime/sessions.ts';

export interface OnnxTrajectoryOptions extends OnnxFolderOptions {
  /** A model folder: `model_index.json` and its components. */
  readonly modelPath: string;
}

export interface OnnxTrajectoryEngine extends TrajectoryEngine {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

/**
 * Loads a model of pictures into a supervised child process. A runtime that is missing is fetched.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file, a link), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openTrajectoryEngine(
  options: OnnxTrajectoryOptions,
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<OnnxTrajectoryEngine> {
  const folder = readFolder(options.modelPath);
  const { load, hashed } = await planOnnxFolder(folder, readPictureFacts(folder), options);
  const supervisor = await createSupervisor<OnnxTrajectoryContract>({
    load: { ...load, vocabularyHash: hashVocabulary(folder, hashed) },
    onEvent: hooks.onEvent,
    environment: ONNX_ENVIRONMENT,
    child: { path: fileURLToPath(new URL('./trajectory-child.ts', import.meta.url)) },
  });
  const engine = createTrajectoryEngine({
    info: () => supervisor.info(),
    denoise: (request, signal) => supervisor.call({ kind: 'denoise', request }, signal),
    decode: (request, signal) => supervisor.call({ kind: 'decode', request }, signal),
    encode: (request, signal) => supervisor.call({ kind: 'encode', request }, signal),
    tokenize: (prompt) => supervisor.call({ kind: 'tokenize', prompt }),
    close: () => supervisor.close(),
  });
  return { ...engine, pid: () => supervisor.pid() };
}

/** A first look at a model folder. @throws EngineError if it is none, or none that the engine runs. */
export const inspectPictureFolder = (path: string): PictureFacts => readPictureFacts(readFolder(path));

function readFolder(path: string): ModelFolder {
  try {
    return inspectModelFolder(path);
  } catch (cause) {
    throw toEngineError(cause);
  }
}

function hashVocabulary({ files }: ModelFolder, hashed: HashedFolder): Uint8Array {
  return hashTokenizers(hashed.files.map(({ sha256 }, i) => ({ path: files[i] as string, sha256 })));
}
