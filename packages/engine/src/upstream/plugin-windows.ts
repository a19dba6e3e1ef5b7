import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import type { SketchRow } from '@ogong/protocol/commitment/sketch';
import {
  type DrawRow,
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  expandRuns,
} from '@ogong/protocol/modality/text/commitment/window';
import { EngineError } from '../interface/engine-error.ts';

/** One position as the plugin wrote it. */
export interface PluginRow {
  readonly row: DrawRow;
  readonly sketch: SketchRow;
}

/** The file that the plugin appends the windows of one reply to: u32 length and draws, u32 length and sketches (docs/vllm.md). */
export interface PluginRecord {
  /** The positions that are on the disk. @throws EngineError if they cannot be read, or come without sketches. */
  read(): Promise<readonly PluginRow[]>;
  /** Returns the rows once there are as many. @throws EngineError if they do not come in time. */
  waitFor(count: number): Promise<readonly PluginRow[]>;
  drop(): Promise<void>;
}

interface RecordOptions {
  readonly vocabularySize: number;
  readonly directions: number;
  readonly patienceMs: number;
}

const PAUSE_MS = 10;

const refuse = (what: string, cause?: unknown): EngineError =>
  new EngineError('engine-crashed', `the vLLM plugin ${what}`, { cause });

/** @param name letters and digits. */
export function openPluginRecord(directory: string, name: string, options: RecordOptions): PluginRecord {
  const path = join(directory, name);
  const read = async (): Promise<readonly PluginRow[]> => {
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return new Uint8Array();
      throw refuse(`keeps its windows where they cannot be read (${error.code})`, error);
    });
    if (bytes.length > MAX_OPENING_BYTES) throw refuse('wrote more than any reply can hold');
    return parseRows(bytes, options);
  };
  return {
    read,
    async waitFor(count) {
      const untilMs = performance.now() + options.patienceMs;
      for (;;) {
        const rows = await read();
        if (rows.length >= count) return rows;
        if (performance.now() > untilMs) throw refuse(`wrote ${rows.length} positions of ${count}`);
        await delay(PAUSE_MS);
      }
    },
    drop: () => rm(path, { force: true }),
  };
}

function parseRows(bytes: Uint8Array, { vocabularySize, directions }: RecordOptions): readonly PluginRow[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: PluginRow[] = [];
  let at = 0;
  const take = (): Uint8Array | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) return undefined;
    const part = bytes.subarray(at + 4, end);
    at = end;
    return part;
  };
  for (;;) {
    const draws = take();
    const sketch = draws && take();
    // The rest is still being written.
    if (draws === undefined || sketch === undefined) return rows;
    if (sketch.length === 0) throw refuse('makes no sketches: nothing gives it the hidden states (docs/vllm.md)');
    try {
      const decoded = decodeDraws(draws, { vocabularySize });
      const sketches = decodeSketch(sketch, { directions });
      if (sketches.length !== decoded.rows.length || expandRuns(decoded.runs).some((shape) => shape !== 0)) {
        throw refuse('wrote draws and sketches that do not fit');
      }
      for (const [i, row] of decoded.rows.entries()) rows.push({ row, sketch: sketches[i] as SketchRow });
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      throw refuse(`wrote a window that nobody reads: ${(cause as Error).message}`, cause);
    }
  }
}

/** The window of these positions: a reply may end before what was drawn. */
export function encodePluginWindow(rows: readonly PluginRow[], vocabularySize: number): WindowBytes {
  const runs = [{ length: rows.length, shapeClass: 0 }];
  return {
    draws: encodeDraws({ rows: rows.map(({ row }) => row), runs }, { vocabularySize }),
    sketch: encodeSketch(rows.map(({ sketch }) => sketch)),
  };
}
