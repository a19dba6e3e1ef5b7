import { fileURLToPath } from 'node:url';
import { hashOnnxModel, inspectOnnxModel, type OnnxModel } from '@ogong/models/onnx-model';
import { EngineError } from '../../interface/engine-error.ts';
import type { TensorEngine } from '../../interface/tensor.ts';
import { createRunWatchdog } from '../../process/run-watchdog.ts';
import { createSupervisor, type SupervisorEvent } from '../../process/supervisor.ts';
import { explainRefusal, findWeightType } from '../graph-check.ts';
import { type OnnxFolderOptions, type OnnxNetworkSize, planOnnxFolder, toEngineError } from '../plan-folder.ts';
import { ONNX_ENVIRONMENT } from '../runtime/sessions.ts';
import type { OnnxTensorContract } from './tensor-load.ts';

export interface OnnxTensorOptions extends OnnxFolderOptions {
  /** An ONNX file, or a folder with one. */
  readonly modelPath: string;
}

export interface OnnxTensorEngine extends TensorEngine {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

/** The longest run. An input may choose the turns of a loop, and an order lives for two minutes. */
const MOST_RUN_MS = 60_000;

/** Domains of operators that each ONNX Runtime has. An operator of another one needs a library. */
const DOMAINS: ReadonlySet<string> = new Set(['ai.onnx.ml', 'com.microsoft']);

/** A model of tensors, read and found to be one that this engine runs. */
export interface InspectedTensorModel extends OnnxNetworkSize {
  readonly model: OnnxModel;
}

/** A first look at a model of tensors. @throws EngineError if it is none, or none that this engine runs. */
export function inspectTensorModel(path: string): InspectedTensorModel {
  const model = readModel(path);
  const { onnx, sizeBytes, file } = model;
  const refusal = explainRefusal(onnx) ?? explainStranger(onnx);
  if (refusal !== undefined) throw new EngineError('unsupported-model', `${file} is refused: ${refusal}`);
  return { model, sizeBytes, weightType: findWeightType(onnx) };
}

function explainStranger({ operators }: OnnxModel['onnx']): string | undefined {
  const stranger = [...operators.keys()].find(
    (name) => name.includes(':') && !DOMAINS.has(name.slice(0, name.indexOf(':'))),
  );
  return stranger && `it needs the operator ${stranger.slice(0, 100)}, which is none of ONNX Runtime`;
}

/**
 * Loads a model of tensors into a supervised child process. A runtime that is missing is fetched.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file, a link), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openTensorEngine(
  options: OnnxTensorOptions,
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<OnnxTensorEngine> {
  const { model, ...size } = inspectTensorModel(options.modelPath);
  const { load } = await planOnnxFolder(model, size, { ...options, hash: hashOnnxModel });
  const { file, onnx } = model;
  const supervisor = await createSupervisor<OnnxTensorContract>({
    load: { ...load, file, externalFiles: onnx.externalFiles, weightType: size.weightType },
    onEvent: hooks.onEvent,
    environment: ONNX_ENVIRONMENT,
    child: { path: fileURLToPath(new URL('./tensor-child.ts', import.meta.url)) },
  });
  const { watch } = createRunWatchdog({ limitMs: MOST_RUN_MS, onLate: () => endChild(supervisor.pid()) });
  return {
    specificationVersion: 'tensor-v1',
    info: () => supervisor.info(),
    run: (request, { signal } = {}) => watch(supervisor.call({ kind: 'run', request }, signal)),
    close: () => supervisor.close(),
    pid: () => supervisor.pid(),
  };
}

/** Ends a child. The supervisor starts another one. */
function endChild(pid: number | undefined): void {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

function readModel(path: string): OnnxModel {
  try {
    return inspectOnnxModel(path);
  } catch (cause) {
    throw toEngineError(cause);
  }
}
