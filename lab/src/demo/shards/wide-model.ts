import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { quantizeModel } from '@ogong/engine/llama-cpp/quantize';
import { openDraft, writeDraft } from '../../forge/gguf-draft.ts';
import { widenFeedForward } from '../../forge/layers.ts';

/** Of each feed-forward block: most of the weights are there. */
const CHANNELS = 8_192;

/**
 * Builds stories15M with channels that change nothing, in Q8_0: it tells the same stories, and its weights have 58 MB.
 * @returns the file's path; written once.
 */
export async function provideWideModel(storeDir: string): Promise<string> {
  const path = join(storeDir, `demo-stories-${CHANNELS}-channels-q8_0.gguf`);
  if (existsSync(path)) return path;
  const base = await resolveModel('stories15M', { storeDir, quant: 'f32' });
  const source = `${path}.f32`;
  try {
    writeDraft(source, widenFeedForward(openDraft(base.path), CHANNELS));
    quantizeModel(loadLlama(findLlamaBuild(), 'auto'), source, `${path}.part`, 'q8_0');
    renameSync(`${path}.part`, path);
  } finally {
    rmSync(source, { force: true });
  }
  return path;
}
