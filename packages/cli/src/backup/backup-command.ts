import { resolve } from 'node:path';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, text } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { type BackupManifest, checkBackup, createBackup, restoreBackup } from './backup-files.ts';

const dataDir = { schema: text, label: '<path>', required: true } as const;

const createConfig = defineConfig({
  name: 'ogong backup create',
  summary:
    "Copies a daemon's data directory, keys and databases, while the daemon runs. The copy holds secrets: encrypt it before it\n" +
    'leaves this machine. With --final the daemon is stopped, and starts from this directory no more: the copy is its last state.',
  fields: {
    dataDir: { ...dataDir, description: 'of any daemon, or of a signer' },
    to: { schema: text, label: '<path>', required: true, description: 'a new directory' },
    final: { schema: boolean, boolean: true, description: 'hand the directory over: to move the daemon elsewhere' },
    json: jsonField,
  },
  examples: [
    'ogong backup create --data-dir ~/.ogong/gateway --to /backup/gateway-1',
    'ogong backup create --data-dir ~/.ogong/validator --to /backup/validator --final',
  ],
});
const checkConfig = defineConfig({
  name: 'ogong backup check',
  summary: 'Checks that every file of a backup is unchanged, and that its databases are sound.',
  fields: { json: jsonField },
  positionals: { label: '<backup>', max: 1 },
  examples: ['ogong backup check /backup/gateway-1'],
});
const restoreConfig = defineConfig({
  name: 'ogong backup restore',
  summary:
    'Puts a backup into an empty data directory. A daemon that starts there knows that it may have forgotten something, and contradicts\n' +
    'nothing: a provider refuses orders that it may have answered; a validator or a signer starts from a final backup alone.',
  fields: { dataDir: { ...dataDir, description: 'an empty directory' }, json: jsonField },
  positionals: { label: '<backup>', max: 1 },
  examples: ['ogong backup restore /backup/gateway-1 --data-dir ~/.ogong/gateway'],
});

export const backupCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'backup',
  summary: "copies of daemons' keys and databases",
  verbs: {
    create: { summary: 'copy a data directory, also of a running daemon', run: create },
    check: { summary: 'is a copy whole?', run: check },
    restore: { summary: 'put a copy into an empty directory', run: restore },
  },
  examples: [
    'ogong backup create --data-dir ~/.ogong/gateway --to /backup/gateway-1',
    'ogong backup restore /backup/gateway-1 --data-dir ~/.ogong/gateway',
  ],
});

async function create(argv: readonly string[], output: Output): Promise<number> {
  const parsed = createConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const { dataDir: from, to, final: isFinal = false, json } = parsed.values;
  const place = { dataDir: resolve(from), to: resolve(to) };
  const manifest = await createBackup({ ...place, isFinal, nowMs: systemClock.nowMs() });
  return report(manifest, `${place.dataDir} is in ${place.to}`, { json, output });
}

async function check(argv: readonly string[], output: Output): Promise<number> {
  const parsed = checkConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const [from] = parsed.positionals;
  if (from === undefined) return refuse('check', output);
  return report(checkBackup(resolve(from)), `${from} is whole`, { json: parsed.values.json, output });
}

async function restore(argv: readonly string[], output: Output): Promise<number> {
  const parsed = restoreConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text, output);
  const [from] = parsed.positionals;
  if (from === undefined) return refuse('restore', output);
  const target = resolve(parsed.values.dataDir);
  const manifest = restoreBackup(resolve(from), target, systemClock.nowMs());
  return report(manifest, `${from} is in ${target}`, { json: parsed.values.json, output });
}

function print(shown: string, output: Output): number {
  output.write(shown);
  return EXIT.ok;
}

function refuse(verb: string, output: Output): number {
  output.writeError(`ogong backup ${verb}: name the directory of the backup\n`);
  return EXIT.usage;
}

function report(
  manifest: BackupManifest,
  what: string,
  { json, output }: { readonly json: boolean | undefined; readonly output: Output },
): number {
  const { files, copiedAtMs, isFinal } = manifest;
  const databases = files.filter(({ kind }) => kind === 'database').length;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (json) printJson(output, { ...manifest, sizeBytes });
  else {
    const how = isFinal ? 'the last state' : `as it was at ${new Date(copiedAtMs).toISOString()}`;
    output.write(
      `${what}: ${files.length} files, ${databases} databases, ${(sizeBytes / 1e6).toFixed(1)} MB, ${how}\n`,
    );
  }
  return EXIT.ok;
}
