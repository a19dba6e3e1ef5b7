import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { backUpKeys, backUpRows, MemoryBackupError, restoreMemories } from './backup.ts';
import type { CommandLine } from './key-command.ts';
import { backupConfig, keysBackupConfig, type MemoryStorePlace, restoreConfig } from './memoryd-config.ts';
import { openMemoryWorks } from './open-store-files.ts';
import { dropUnmatched } from './unmatched-rows.ts';

const COMMANDS = {
  backup: { config: backupConfig, run: (place, [path = '']) => backUpRows(placeOfFiles(place), path) },
  'keys-backup': { config: keysBackupConfig, run: (place, [path = '']) => backUpKeys(placeOfFiles(place), path) },
  restore: { config: restoreConfig, run: restore },
} as const satisfies Record<string, { readonly config: object; readonly run: RunBackup }>;
type RunBackup = (place: MemoryStorePlace, paths: readonly string[]) => void | Promise<void>;
export type BackupCommandName = keyof typeof COMMANDS;

export const isBackupCommand = (name: string): name is BackupCommandName => Object.hasOwn(COMMANDS, name);

/** @returns the exit code. @throws ConfigError, MemoryBackupError, StoreError */
export async function runBackupCommand(
  name: BackupCommandName,
  { argv, env }: CommandLine,
  output: Output,
): Promise<number> {
  const { config, run } = COMMANDS[name];
  const parsed = config.parse(argv, env);
  if (parsed.kind === 'print') output.write(parsed.text);
  else await run(parsed.values, parsed.positionals);
  return EXIT.ok;
}

/** @returns the data directory. @throws MemoryBackupError `database` */
function placeOfFiles({ dataDir, database }: MemoryStorePlace): string {
  if (database === undefined) return dataDir;
  throw new MemoryBackupError(
    'database',
    'memories in PostgreSQL are copied by pg_dump, rows and keys apart: see docs/backup.md#memories-in-postgresql',
  );
}

async function restore(place: MemoryStorePlace, [rows, keys]: readonly string[]): Promise<void> {
  if (place.database === undefined) {
    if (rows === undefined || keys === undefined)
      throw new MemoryBackupError('not-a-backup', 'name a file of backup and one of keys-backup');
    restoreMemories(place.dataDir, rows, keys);
    return;
  }
  if (rows !== undefined)
    throw new MemoryBackupError('database', 'a database is restored by psql or pg_restore: leave the files out');
  const { opened, close } = await openMemoryWorks(place);
  try {
    await opened.write(dropUnmatched);
  } finally {
    await close();
  }
}
