import { fork } from 'node:child_process';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '@ogong/protocol/bytes';
import { EngineError, type EngineErrorCode } from '../engine.ts';
import { hashModelFile } from '../models/model-root.ts';
import { pickEnvironment } from '../supervisor.ts';
import type { ClassTable } from './class-table.ts';
import type { Backend } from './library.ts';
import { countCores } from './platform.ts';
import { bringVulkanBuild } from './vulkan-build.ts';

export interface ClassSearchOptions {
  readonly modelPath: string;
  /** What the table calls the model; its file's name. */
  readonly name?: string;
  readonly backend: Backend;
  readonly engineDir?: string;
  /** Two setups and bands and fewer positions. */
  readonly isQuick?: boolean;
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly signal?: AbortSignal;
}

export interface ClassSearchOrder {
  readonly modelPath: string;
  readonly backend: Backend;
  readonly engineDir: string;
  readonly isQuick: boolean;
  readonly threads: number;
}

export type ClassSearchAnswer =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly what: string }
  | { readonly kind: 'found'; readonly table: Omit<ClassTable, 'model'> & { readonly weights: string } }
  | { readonly kind: 'failed'; readonly code: EngineErrorCode; readonly message: string };

/** Searches in a child process. @throws EngineError, ModelError. */
export async function findClasses(options: ClassSearchOptions): Promise<ClassTable> {
  const { modelPath, backend, isQuick = false, engineDir = join(homedir(), '.ogong', 'engine') } = options;
  const { modelRoot } = await hashModelFile(modelPath);
  if (backend === 'vulkan') await bringVulkanBuild(engineDir);
  const order: ClassSearchOrder = { modelPath, backend, engineDir, isQuick, threads: Math.min(2, countCores()) };
  const child = fork(fileURLToPath(new URL('./class-search-child.ts', import.meta.url)), [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: pickEnvironment(backend),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    ...(options.signal && { signal: options.signal }),
  });
  return new Promise((resolve, reject) => {
    child.on('message', (answer: ClassSearchAnswer) => {
      if (answer.kind === 'progress') options.onProgress?.(answer.done, answer.total, answer.what);
      else if (answer.kind === 'failed') reject(new EngineError(answer.code, answer.message));
      else {
        const { weights, ...table } = answer.table;
        resolve({ ...table, model: { name: options.name ?? basename(modelPath), weights, root: toHex(modelRoot) } });
      }
    });
    child.once('error', reject);
    child.once('close', (code, signal) =>
      reject(new EngineError('engine-crashed', `the search ended early (${signal ?? `exit code ${code}`})`)),
    );
    child.send(order);
  });
}
