import { readdirSync, readFileSync } from 'node:fs';
import { fromBase64, fromHex } from '@ogong/protocol/base/bytes';
import type { WorkMeter } from './measure-work.ts';
import { type LoadModule, MAX_INPUT, type ParserCall, type ParserRow } from './parser-row.ts';
import { worstBytes } from './worst-inputs.ts';

/** Work of a row's inputs of one size, all together. */
export interface RowReading {
  readonly size: number;
  readonly inputs: number;
  /** Basic blocks. */
  readonly blocks: number;
  readonly cpuMs: number;
}

export interface RowResult {
  readonly name: string;
  readonly file: string;
  /** Valid encodings that the parser of bytes accepts: those of the row, and committed vectors. */
  readonly seeds: number;
  readonly readings: readonly RowReading[];
}

export type Search = 'long' | 'short';

/**
 * Sizes of a row's inputs. Work that grows with the square of the size grows 256 times from one size of the long search to the next. In the
 * short search it grows up to 1,024 times.
 */
const SIZES: Readonly<Record<Search, (limit: number) => readonly number[]>> = {
  long: (limit) => [limit / 256, limit / 16, limit],
  short: (limit) => [limit / 256, Math.min(limit, MAX_INPUT / 8)],
};

const VECTORS = new URL('../../../protocol/vectors/', import.meta.url);
const MAX_SEEDS = 4;

/** Returns the encodings in the committed vectors, the longest first. */
export function readVectors(): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const name of readdirSync(VECTORS))
    for (const text of listTexts(JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')))) {
      const hex = /^(?:0x)?((?:[0-9a-f]{2}){16,16384})$/.exec(text)?.[1];
      if (hex !== undefined) found.set(text, fromHex(hex));
      else if (text.length % 4 === 0 && /^[A-Za-z0-9+/]{24,32768}={0,2}$/.test(text)) found.set(text, fromBase64(text));
    }
  return [...found.values()].sort((a, b) => b.length - a.length);
}

function listTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  // A long encoding is split over lines.
  if (Array.isArray(value) && value.length > 1 && value.every((part) => typeof part === 'string'))
    return [...value, value.join('')];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(listTexts) : [];
}

export async function runRow(
  row: ParserRow,
  {
    load,
    vectors,
    meter,
    search,
  }: {
    readonly load: LoadModule;
    readonly vectors: readonly Uint8Array[];
    readonly meter: WorkMeter;
    readonly search: Search;
  },
): Promise<RowResult> {
  const { file, name, inputs, limit = MAX_INPUT, prepare } = row;
  const call = prepare ? await prepare(load) : ((await load(file))[name] as ParserCall | undefined);
  if (call === undefined) throw new TypeError(`${file} exports no ${name}`);
  const seeds: Uint8Array[] = [];
  if (inputs === 'bytes')
    for (const vector of [...((await row.seeds?.(load, vectors)) ?? []), ...vectors])
      if (seeds.length < MAX_SEEDS && (await isTaken(call, vector))) seeds.push(vector);
  const readings: RowReading[] = [];
  for (const size of SIZES[search](limit)) {
    const worst = inputs === 'bytes' ? worstBytes(seeds, size) : inputs(size);
    meter.read();
    const before = process.cpuUsage();
    for (const input of worst) await isTaken(call, input);
    const { user, system } = process.cpuUsage(before);
    readings.push({ size, inputs: worst.length, blocks: meter.read(), cpuMs: Math.round((user + system) / 1_000) });
  }
  return { name, file, seeds: seeds.length, readings };
}

async function isTaken(call: ParserCall, input: unknown): Promise<boolean> {
  try {
    await call(input as never);
    return true;
  } catch {
    return false;
  }
}
