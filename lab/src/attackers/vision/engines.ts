import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TextEngine } from '@ogong/engine/interface/text';
import { openEngine } from '@ogong/engine/open-engine';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { type Rounding, writeRoundedEncoder } from '../trajectory/edited-folder.ts';
import type { VisionMeans } from './attack.ts';

/** The sold model, an attacker's copies of it, and verifiers. `close` closes all of them. */
export interface VisionEngines {
  readonly means: VisionMeans;
  /** Both have the provider's exact class of text. Their encoders are native, as the provider's is, and in WebAssembly. */
  readonly verifiers: { readonly native: TextEngine; readonly wasm: TextEngine };
  readonly close: () => Promise<void>;
}

/** Opens the small model that names shapes. */
export async function openVisionEngines(): Promise<VisionEngines> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-vision-attacks-'));
  const opened: Promise<TextEngine>[] = [];
  const open = (encoderPath: string, encoderBackend: 'cpu' | 'wasm' = 'cpu'): Promise<TextEngine> => {
    const engine = openTextEngine(encoderPath, encoderBackend);
    opened.push(engine);
    return engine;
  };
  const copies = new Map<Rounding, Promise<TextEngine>>();
  const close = async (): Promise<void> => {
    await Promise.allSettled(opened.map(async (engine) => (await engine).close()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [sold, native, wasm] = await Promise.all([
      open(TINY_VISION_MODEL),
      open(TINY_VISION_MODEL),
      open(TINY_VISION_MODEL, 'wasm'),
    ]);
    return {
      means: {
        sold,
        open(rounding) {
          const copy =
            copies.get(rounding) ?? open(writeRoundedEncoder(TINY_VISION_MODEL, rounding, join(directory, rounding)));
          copies.set(rounding, copy);
          return copy;
        },
      },
      verifiers: { native, wasm },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openTextEngine(encoderPath: string, encoderBackend: 'cpu' | 'wasm'): Promise<TextEngine> {
  const modelPath = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
  const own = { threads: 1, sequences: 1, contextSize: 256 };
  const engine = await openEngine({ modelPath, encoderPath, encoderBackend, ...own });
  if (engine.specificationVersion !== 'text-v1') throw new Error(`${modelPath} is no language model`);
  return engine;
}
