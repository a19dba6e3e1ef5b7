import { createOrLoadMemoryKey } from '@ogong/host/crypto/key-files';
import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { rotateMasterKey } from '../store/vault.ts';
import type { CommandLine } from './key-command.ts';
import { rotateConfig } from './memoryd-config.ts';
import { openKeys, openMasterKey, openMemoryWorks } from './open-store-files.ts';

/**
 * The API keys come first, and those that open under the new key stay. So a rotation that was cut off is run again.
 * @returns the exit code. @throws ConfigError, KeyFileError, StoreError, MemoryStoreError
 */
export async function runRotateCommand({ argv, env }: CommandLine, output: Output): Promise<number> {
  const parsed = rotateConfig.parse(argv, env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  const [from, to] = [await openMasterKey(values), createOrLoadMemoryKey(values.newMasterKey)];
  const memories = await openMemoryWorks(values);
  const keys = await openKeys(values, from);
  try {
    await keys.opened.rotate(to);
    const users = await rotateMasterKey(memories.opened, { from, to });
    output.write(`${users} users\n`);
    return EXIT.ok;
  } finally {
    await keys.close();
    await memories.close();
  }
}
