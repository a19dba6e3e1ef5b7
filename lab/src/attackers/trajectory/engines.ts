import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { openTrajectoryEngine } from '@ogong/engine/onnx/trajectory-engine';
import type { PictureMeans } from './attack.ts';
import { type FolderEdit, writeEditedFolder } from './edited-folder.ts';

/** Folder of fetched runtimes. */
const engineDir = join(homedir(), '.ogong', 'engine');

/** Explains why the classes do not run here; undefined if they do. The native class is proven on one platform. */
export function explainAbsence(): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') return `the native class is unproven on ${platform}`;
  const missing = (['cpu', 'wasm'] as const).filter((backend) => findOnnxRuntime(backend, engineDir) === undefined);
  if (missing.length === 0) return undefined;
  return `no ONNX Runtime (${missing.join(', ')}); node scripts/run.mjs scripts/bring-onnx.ts brings it`;
}

/** The sold model, an attacker's copies of it, and verifiers. `close` closes all of them. */
export interface PictureEngines {
  readonly means: PictureMeans;
  /** Engines of the native class, which is that of the provider, and of WebAssembly. */
  readonly verifiers: { readonly same: TrajectoryEngine; readonly wasm: TrajectoryEngine };
  readonly close: () => Promise<void>;
}

/** @param modelPath folder of the sold model. */
export async function openPictureEngines(modelPath: string): Promise<PictureEngines> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-picture-attacks-'));
  const opened: Promise<TrajectoryEngine>[] = [];
  const open = (options: Omit<Parameters<typeof openTrajectoryEngine>[0], 'engineDir'>): Promise<TrajectoryEngine> => {
    const engine = openTrajectoryEngine({ ...options, engineDir });
    opened.push(engine);
    return engine;
  };
  const copies = new Map<FolderEdit, Promise<TrajectoryEngine>>();
  const close = async (): Promise<void> => {
    await Promise.allSettled(opened.map(async (engine) => (await engine).close()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [sold, same, wasm] = await Promise.all([
      open({ modelPath }),
      open({ modelPath }),
      open({ modelPath, backend: 'wasm' }),
    ]);
    return {
      means: {
        sold,
        open(edit) {
          const copy =
            copies.get(edit) ?? open({ modelPath: writeEditedFolder(modelPath, edit, join(directory, edit)) });
          copies.set(edit, copy);
          return copy;
        },
      },
      verifiers: { same, wasm },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A machine that cannot reproduce the class of a claim. */
export const keepOwnClass = (engine: TrajectoryEngine): TrajectoryEngine => ({
  ...engine,
  async runStep(request, at, { numericClass, signal } = {}) {
    const ran = await engine.runStep(request, at, signal ? { signal } : {});
    return { ...ran, exact: ran.exact && numericClass === ran.numericClass };
  },
  decode: (latent, size, { signal } = {}) => engine.decode(latent, size, signal ? { signal } : {}),
  async encode(pixels, size, { numericClass, signal } = {}) {
    const encoded = await engine.encode(pixels, size, signal ? { signal } : {});
    return { ...encoded, exact: encoded.exact && numericClass === encoded.numericClass };
  },
});
