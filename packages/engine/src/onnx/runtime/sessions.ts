import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TensorType } from '@ogong/protocol/modality/tensor/tensor-form';
import { EngineError } from '../../interface/engine-error.ts';
import type { OnnxRuntime } from './packages.ts';

export interface OnnxTensor {
  readonly type: TensorType;
  /** A byte of 0 or 1 for each truth value. */
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | readonly string[];
  readonly dims: readonly number[];
}

export interface OnnxInput {
  readonly name: string;
  readonly type: string;
  /** A text stands for a size that each run chooses. */
  readonly shape: readonly (number | string)[];
}

/** An input or an output as the network declares it. A sequence or a map has neither type nor shape. */
export interface OnnxPort {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** One loaded network. */
export interface OnnxSession {
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  readonly outputPorts: readonly OnnxPort[];
  /** @param names of the outputs to compute. Default: all. */
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    names?: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  free(): Promise<void>;
}

export interface NetworkFiles {
  /** Path of `model.onnx`. */
  readonly path: string;
  /** Paths of the files of its weights, in the same folder. */
  readonly externalFiles: readonly string[];
}

export interface OnnxLibrary {
  open(network: NetworkFiles, options: { readonly threads: number }): Promise<OnnxSession>;
}

/** The part of ONNX Runtime's interface that is used here; both packages have it. */
interface OrtModule {
  readonly env: { readonly wasm: { numThreads: number; proxy: boolean; wasmBinary: Uint8Array } };
  readonly Tensor: new (type: string, data: OnnxTensor['data'], dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: object): Promise<OrtSession>;
  };
}

interface OrtSession {
  readonly inputMetadata: readonly OnnxInput[];
  readonly outputNames: readonly string[];
  readonly outputMetadata: readonly OnnxPort[];
  run(feeds: Record<string, OnnxTensor>, names?: readonly string[]): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

/** Every option that changes bits, or that a later release may change by its default. */
const OPTIONS = {
  executionMode: 'sequential',
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  // Weights of 4 bits are computed in f32, never in integers.
  extra: { session: { qdq_matmulnbits_accuracy_level: '1', intra_op: { allow_spinning: '0' } } },
} as const;

/** Environment of a process that computes: CPU attention would cut its sums by the size of the machine's cache. */
export const ONNX_ENVIRONMENT = { ORT_DISABLE_FLASH_ATTENTION: '1' } as const;

/** Loads a runtime into this process. @throws EngineError('engine-crashed') if it does not load. */
export async function loadOnnxLibrary({ backend, modules }: OnnxRuntime): Promise<OnnxLibrary> {
  const ort = await loadModule({ backend, modules });
  return {
    async open({ path, externalFiles }, { threads }) {
      const options = { ...OPTIONS, executionProviders: [backend], intraOpNumThreads: threads };
      if (backend === 'cpu') return wrapSession(ort, await openSession(ort, path, { path, options }));
      const externalData = await Promise.all(
        externalFiles.map(async (file) => ({
          path: basename(file),
          data: await readFile(join(dirname(path), basename(file))),
        })),
      );
      const bytes = await readFile(path);
      return wrapSession(ort, await openSession(ort, bytes, { path, options: { ...options, externalData } }));
    },
  };
}

async function loadModule({ backend, modules }: OnnxRuntime): Promise<OrtModule> {
  try {
    if (backend === 'cpu') return createRequire(join(modules, 'x.cjs'))('onnxruntime-node') as OrtModule;
    const dist = join(modules, 'onnxruntime-web', 'dist');
    const ort = (await import(pathToFileURL(join(dist, 'ort.wasm.bundle.min.mjs')).href)) as OrtModule;
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = await readFile(join(dist, 'ort-wasm-simd-threaded.wasm'));
    return ort;
  } catch (cause) {
    const problem = `ONNX Runtime in ${modules} does not load: ${(cause as Error).message}`;
    throw new EngineError('engine-crashed', problem, { cause });
  }
}

async function openSession(
  ort: OrtModule,
  model: string | Uint8Array,
  { path, options }: { readonly path: string; readonly options: object },
): Promise<OrtSession> {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    throw new EngineError('unsupported-model', `ONNX Runtime refuses ${path}: ${(cause as Error).message}`, { cause });
  }
}

function wrapSession(ort: OrtModule, session: OrtSession): OnnxSession {
  return {
    inputs: session.inputMetadata.map(({ name, type, shape }) => ({ name, type, shape })),
    outputs: session.outputNames,
    outputPorts: session.outputMetadata,
    run(feeds, names) {
      const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [
        name,
        new ort.Tensor(type, data, dims),
      ]);
      const fed = Object.fromEntries(tensors);
      return names === undefined ? session.run(fed) : session.run(fed, names);
    },
    free: () => session.release(),
  };
}
