import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { backUpKeys, backUpRows, restoreMemories } from './backup.ts';
import type { CommandLine } from './key-command.ts';
import { backupConfig, keysBackupConfig, restoreConfig } from './memoryd-config.ts';

const COMMANDS = {
  backup: { config: backupConfig, run: backUpRows },
  'keys-backup': { config: keysBackupConfig, run: backUpKeys },
  restore: { config: restoreConfig, run: restoreMemories },
} as const;
export type BackupCommandName = keyof typeof COMMANDS;

export const isBackupCommand = (name: string): name is BackupCommandName => Object.hasOwn(COMMANDS, name);

/** @returns the exit code. @throws ConfigError, MemoryBackupError, StoreError */
export function runBackupCommand(name: BackupCommandName, { argv, env }: CommandLine, output: Output): number {
  const { config, run } = COMMANDS[name];
  const parsed = config.parse(argv, env);
  if (parsed.kind === 'print') output.write(parsed.text);
  else {
    const [first = '', second = ''] = parsed.positionals;
    run(parsed.values.dataDir, first, second);
  }
  return EXIT.ok;
}
