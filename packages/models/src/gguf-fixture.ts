import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeGguf } from './gguf/write.ts';

/** The bytes of a whole GGUF file with one tensor. @param payload its bytes, a multiple of 4. */
export function makeGguf(payload: Uint8Array): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-gguf-'));
  try {
    const path = join(folder, 'model.gguf');
    const tensor = { name: 'weights', dimensions: [payload.length / 4], type: 0, read: () => [payload] };
    writeGguf(path, { metadata: new Map(), tensors: [tensor] });
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
