import { existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { boolean, text } from '@ogong/host/config/values';
import { loadHybridSigner } from '@ogong/host/crypto/key-files';
import { TableError, type TableFile } from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { VERSION } from '@ogong/host/version';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { buildDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { addRows, succeed } from '@ogong/provider/calibration/combine-tables';
import { createRateLine } from '@ogong/provider/calibration/progress-line';
import type { Measurements, ReadOptions } from '@ogong/provider/calibration/read-measurements';
import { openSampleStore, type SampleStore } from '@ogong/provider/calibration/sample-store';

/** Settings that the verbs of `ogong calibrate` have in common. */
export const samplesField = {
  schema: text,
  label: '<path>',
  env: 'OGONG_CALIBRATE_SAMPLES',
  default: join(homedir(), '.ogong', 'calibrate', 'samples.db'),
  description: 'where samples are kept; a run that was stopped goes on from there',
} as const;

export const alternativesField = {
  schema: text,
  label: '<path>',
  repeatable: true,
  description: 'store with samples of cheats, which show the likelihood where to look; none by default',
} as const;

export const keyField = {
  schema: text,
  label: '<path>',
  description: 'hybrid key to sign with, as `hybrid.key` in the data directory of a daemon; created if it is not there',
} as const;

export const leaveOutField = {
  schema: boolean,
  boolean: true,
  description: 'leave out length bands with too few replies, instead of refusing the table',
} as const;

export const codeVersionField = {
  schema: text,
  label: '<text>',
  default: `ogong-${VERSION}`,
  description: 'the origin of the measurements, as the rows state it',
} as const;

export const jsonField = { schema: boolean, boolean: true, description: 'print the result as JSON' } as const;

export function openSamples(path: string): SampleStore {
  const absolute = resolve(path);
  mkdirSync(dirname(absolute), { recursive: true });
  return openSampleStore(absolute);
}

/** Opens a store for reading; does not create it. */
export function openExistingSamples(path: string): SampleStore {
  if (!existsSync(path)) throw Object.assign(new Error(), { code: 'ENOENT', path });
  return openSamples(path);
}

/** @throws ConfigError if no table could be written there: measuring takes long. */
export function assertWritable(path: string): void {
  const absolute = resolve(path);
  const isFolder = statSync(absolute, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder) throw new ConfigError('ogong calibrate', [`--out ${path} is a folder; name a file in it`]);
  mkdirSync(dirname(absolute), { recursive: true });
}

export const loadSigner = (path: string) => loadHybridSigner(resolve(path));

export interface TableResult {
  readonly table: DriftTable;
  readonly leftOut: readonly string[];
}

/** Lines on standard error of how many kept replies were read: of tens of thousands that takes minutes. */
export function createReadingLine(output: Output): NonNullable<ReadOptions['onProgress']> {
  const show = createRateLine(
    (line) => output.writeError(line),
    () => performance.now(),
  );
  return (progress) => show({ ...progress, what: 'reading replies' });
}

/** @throws TableError('too-little-data') naming the missing part. */
export function buildFrom(
  measurements: Measurements,
  { before, leaveOut }: { readonly before: TableFile | undefined; readonly leaveOut: boolean },
): TableResult {
  const { drift } = measurements;
  if (drift.length === 0) {
    throw new TableError(
      'too-little-data',
      'no pair of classes drifts: every reply was checked in its own exact class, or none was checked',
    );
  }
  try {
    const { table, leftOut } = buildDriftTable({
      ...succeed(before),
      measurements: drift,
      thin: leaveOut ? 'leave-out' : 'refuse',
    });
    if (table.rows.length === 0) throw new RangeError(`nothing is left:\n${leftOut.join('\n')}`);
    return { table: addRows(before, table), leftOut };
  } catch (error) {
    if (error instanceof RangeError) {
      const hint = 'measure more (--replies), or leave what is thin out (--leave-out)';
      throw new TableError('too-little-data', `${error.message}\n${hint}`, { cause: error });
    }
    throw error;
  }
}
