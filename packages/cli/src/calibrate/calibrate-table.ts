import { resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import {
  createTableFile,
  readTableFile,
  signTableFile,
  type TableFile,
  writeTableFile,
} from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { type DriftTableChange, diffDriftTables } from '@ogong/protocol/modality/text/drift/drift-table-diff';
import { mergeTables } from '@ogong/provider/calibration/combine-tables';
import { describeTable, toTableJson } from '@ogong/provider/calibration/describe-table';
import { readMeasurements } from '@ogong/provider/calibration/read-measurements';
import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { isCheat, parseSourceId } from '@ogong/provider/calibration/source-id';
import {
  alternativesField,
  buildFrom,
  codeVersionField,
  createReadingLine,
  jsonField,
  keyField,
  leaveOutField,
  loadSigner,
  openExistingSamples,
  samplesField,
} from './calibrate-fields.ts';

export const buildConfig = defineConfig({
  name: 'ogong calibrate build',
  examples: ['ogong calibrate build --out drift-table.json'],
  summary:
    'Builds a drift table from samples that are there already, honest ones and cheats, without measuring: of the replies to\n' +
    'one prompt under one key those with the longest prompts and replies. The same samples always give the same table.',
  fields: {
    samples: samplesField,
    alternatives: alternativesField,
    named: {
      schema: text,
      label: '<name>',
      repeatable: true,
      description: 'cheats of these samples that the table names; all if not given',
    },
    out: { schema: text, label: '<path>', default: 'drift-table.json', description: 'file for the table' },
    previous: { schema: text, label: '<path>', description: 'table that this one follows; its other rows stay' },
    key: keyField,
    leaveOut: leaveOutField,
    codeVersion: codeVersionField,
    json: jsonField,
  },
});

/** Prints what a table file holds after it is written. */
function printWritten(
  output: Output,
  { path, file }: { readonly path: string; readonly file: TableFile },
  json: boolean,
): void {
  const { rows, version } = file.table;
  const [hash, signatures] = [toHex(file.hash), file.signatures.length];
  if (json) printJson(output, { path, rows: rows.length, version, hash, signatures });
  else output.write(`${path}: ${rows.length} rows, version ${version}, hash ${hash}\n`);
}

export async function buildTable(argv: readonly string[], output: Output): Promise<number> {
  const parsed = buildConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const { samples, alternatives, out, previous, key, leaveOut, codeVersion } = parsed.values;
  const named = parsed.values.named.length === 0 ? undefined : new Set(parsed.values.named);
  const before = previous === undefined ? undefined : readTableFile(crypto, resolve(previous));
  const stores = [samples, ...alternatives].map((path) => openExistingSamples(path));
  try {
    assertPlayed(parsed.values.named, stores);
    const sources = stores.map((store, i) => ({
      store,
      named,
      take: i === 0 ? ('all' as const) : ('alternatives' as const),
    }));
    const measurements = readMeasurements(crypto, sources, { codeVersion, onProgress: createReadingLine(output) });
    const { table, leftOut } = buildFrom(measurements, { before, leaveOut });
    for (const line of leftOut) output.writeError(`left out: ${line}\n`);
    const unsigned = createTableFile(crypto, table);
    const file = key === undefined ? unsigned : signTableFile(unsigned, loadSigner(key));
    writeTableFile(resolve(out), file);
    printWritten(output, { path: out, file }, parsed.values.json);
    return EXIT.ok;
  } finally {
    for (const store of stores) store.close();
  }
}

/** @throws ConfigError if a name is not that of a sampled cheat. */
function assertPlayed(names: readonly string[], stores: readonly SampleStore[]): void {
  const played = new Set(
    stores.flatMap((store) => store.listSources()).flatMap((source) => parseSourceId(source)?.behaviour ?? []),
  );
  const unknown = names.filter((name) => !(played.has(name) && isCheat(name)));
  if (unknown.length === 0) return;
  const known = [...played].filter(isCheat).sort().join(', ') || 'none';
  throw new ConfigError(buildConfig.definition.name, [
    `--named ${unknown.join(', ')}: no such cheat in these samples; there are ${known}`,
  ]);
}

export const showConfig = defineConfig({
  name: 'ogong calibrate show',
  examples: ['ogong calibrate show drift-table.json'],
  summary: 'Shows what a drift table holds: classes, samples, quantiles with their limits, detected cheats.',
  fields: { json: jsonField },
  positionals: { label: '<table>', min: 1, max: 1 },
});

export async function showTable(argv: readonly string[], output: Output): Promise<number> {
  const parsed = showConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const file = readTableFile(crypto, parsed.positionals[0] as string);
  const { json } = parsed.values;
  output.write(json ? `${JSON.stringify(toTableJson(crypto, file), undefined, 2)}\n` : describeTable(crypto, file));
  return EXIT.ok;
}

export const diffConfig = defineConfig({
  name: 'ogong calibrate diff',
  examples: ['ogong calibrate diff before.json after.json'],
  summary:
    'Shows how two drift tables differ, row by row; * marks values beyond the confidence limits.\n' +
    'Exits with 0 if they are equal, 1 if they differ.',
  fields: { json: jsonField },
  positionals: { label: '<before> <after>', min: 2, max: 2 },
});

export async function compareFiles(argv: readonly string[], output: Output): Promise<number> {
  const parsed = diffConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const [before, after] = parsed.positionals.map((path) => readTableFile(crypto, path)) as [TableFile, TableFile];
  const changes = diffDriftTables(before.table, after.table);
  if (parsed.values.json) output.write(`${JSON.stringify(changes, undefined, 2)}\n`);
  else for (const change of changes) output.write(formatChange(change));
  return changes.length === 0 ? EXIT.ok : 1;
}

const formatChange = ({ row, field, before, after, isSignificant }: DriftTableChange): string =>
  `${isSignificant ? '*' : ' '} ${row}\n    ${field}: ${before || 'none'} -> ${after || 'none'}\n`;

export const signConfig = defineConfig({
  name: 'ogong calibrate sign',
  examples: ['ogong calibrate sign drift-table.json --key hybrid.key'],
  summary: 'Adds a signature to a drift table, in the same file unless --out names another.',
  fields: {
    key: { ...keyField, required: true },
    out: {
      schema: text,
      label: '<path>',
      description: 'file for the signed table; the input itself if not given',
    },
    json: jsonField,
  },
  positionals: { label: '<table>', min: 1, max: 1 },
});

export async function signTable(argv: readonly string[], output: Output): Promise<number> {
  const parsed = signConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const path = parsed.positionals[0] as string;
  const { key, out = path } = parsed.values;
  const file = signTableFile(readTableFile(crypto, path), loadSigner(key));
  writeTableFile(resolve(out), file);
  if (parsed.values.json) printWritten(output, { path: out, file }, true);
  else output.write(`${out}: hash ${toHex(file.hash)}, ${file.signatures.length} signatures\n`);
  return EXIT.ok;
}

export const mergeConfig = defineConfig({
  name: 'ogong calibrate merge',
  examples: ['ogong calibrate merge one.json two.json --out both.json'],
  summary:
    'Makes one drift table of several, the successor of the first. A row that several hold is taken from the one that\n' +
    'rests on more replies.',
  fields: {
    out: { schema: text, label: '<path>', required: true, description: 'file for the table' },
    key: keyField,
    json: jsonField,
  },
  positionals: { label: '<table> <table>...', min: 2, max: 64 },
});

export async function mergeFiles(argv: readonly string[], output: Output): Promise<number> {
  const parsed = mergeConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const { out, key } = parsed.values;
  const files = parsed.positionals.map((path) => readTableFile(crypto, path)) as [TableFile, ...TableFile[]];
  const unsigned = createTableFile(crypto, mergeTables(files));
  const file = key === undefined ? unsigned : signTableFile(unsigned, loadSigner(key));
  writeTableFile(resolve(out), file);
  printWritten(output, { path: out, file }, parsed.values.json);
  return EXIT.ok;
}

function print(text: string, output: Output): number {
  output.write(text);
  return EXIT.ok;
}
