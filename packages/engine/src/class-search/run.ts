import { fork } from 'node:child_process';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import type { StampedFile } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { EngineError, type EngineErrorCode } from '../interface/engine-error.ts';
import { bringGpuBuild } from '../llama-cpp/device/gpu-build.ts';
import { countCores } from '../llama-cpp/device/platform.ts';
import type { Backend } from '../llama-cpp/library.ts';
import { environmentOf } from '../llama-cpp/text-supervisor.ts';
import { verifyModel } from '../llama-cpp/verified-model.ts';
import { pickEnvironment } from '../process/child-environment.ts';
import { planSearch, refuseKvTypes } from './plan.ts';
import type { SearchPlan, SearchResult } from './search.ts';
import type { ClassTable } from './table.ts';

export interface ClassSearchOptions {
  readonly modelPath: string;
  /** Hashes of files that were read before. Default: files are read in full. */
  readonly hashes?: FileHashes;
  /** Name of the model in the table. Default: its file's name. */
  readonly name?: string;
  readonly backend: Backend;
  readonly engineDir?: string;
  /** CPU library; the one that serving would take if not given. */
  readonly isa?: string;
  /** Two setups and bands and fewer positions. */
  readonly isQuick?: boolean;
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly signal?: AbortSignal;
}

export interface ClassSearchOrder {
  readonly modelPath: string;
  /** The files as they were hashed; the child loads no others. */
  readonly files: readonly StampedFile[];
  readonly backend: Backend;
  readonly engineDir: string;
  readonly isa: string;
  /** Plan of one setup. */
  readonly plan: SearchPlan;
}

interface SetupFound extends SearchResult {
  readonly build: string;
  readonly isa: string;
}

export type ClassSearchAnswer =
  | { readonly kind: 'progress'; readonly done: number; readonly what: string }
  | { readonly kind: 'found'; readonly found: SetupFound }
  | { readonly kind: 'failed'; readonly code: EngineErrorCode; readonly message: string };

/**
 * Searches in one child process for each setup, so that a driver that crashes in one does not affect the others.
 * @throws EngineError, ModelError.
 */
export async function findClasses(options: ClassSearchOptions): Promise<ClassTable> {
  const { modelPath, backend, isQuick = false, isa = 'auto' } = options;
  const { engineDir = join(homedir(), '.ogong', 'engine') } = options;
  const { facts: file, modelRoot, files } = await verifyModel(modelPath, { hashes: options.hashes });
  if (backend !== 'cpu') await bringGpuBuild(backend, engineDir);
  const plan = planSearch(file, { backend, isQuick, threads: Math.min(2, countCores()) });
  const each = plan.starts.length * plan.shapes.length;
  const refused = isQuick ? [] : [...refuseKvTypes(file)];
  const found: SetupFound[] = [];
  for (const [index, setup] of plan.setups.entries()) {
    const order: ClassSearchOrder = { modelPath, files, backend, engineDir, isa, plan: { ...plan, setups: [setup] } };
    try {
      const report = (done: number, what: string) =>
        options.onProgress?.(index * each + done, plan.setups.length * each, what);
      found.push(await searchInChild(order, report, options.signal));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      refused.push({ setup: setup.name, reason: error.message });
    }
  }
  const [first] = found;
  if (first === undefined)
    throw new EngineError('unsupported-model', `no setup ran: ${refused.map(({ reason }) => reason).join('; ')}`);
  return {
    build: first.build,
    backend,
    isa: first.isa,
    positions: plan.positions,
    findings: found.flatMap(({ findings }) => findings),
    refused: [...found.flatMap((one) => one.refused), ...refused],
    model: { name: options.name ?? basename(modelPath), weights: file.weightType, root: toHex(modelRoot) },
  };
}

function searchInChild(
  order: ClassSearchOrder,
  onProgress: (done: number, what: string) => void,
  signal: AbortSignal | undefined,
): Promise<SetupFound> {
  const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: pickEnvironment(environmentOf(order.backend)),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    ...(signal && { signal }),
  });
  let last = 'loading';
  return new Promise((resolve, reject) => {
    child.on('message', (answer: ClassSearchAnswer) => {
      if (answer.kind === 'found') resolve(answer.found);
      else if (answer.kind === 'failed') reject(new EngineError(answer.code, answer.message));
      else {
        last = answer.what;
        onProgress(answer.done, answer.what);
      }
    });
    child.once('error', reject);
    child.once('close', (code, ended) =>
      reject(new EngineError('engine-crashed', `the process ended (${ended ?? `exit code ${code}`}) after: ${last}`)),
    );
    child.send(order);
  });
}
