import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import type { MemoryKey } from '../api/memory-key.ts';
import type { MemoryKeys } from './memory-keys.ts';
import { keyConfig } from './memoryd-config.ts';
import { openKeys, openMasterKey } from './open-store-files.ts';

/** Arguments and variables of a program. */
export interface CommandLine {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Run = Extract<ReturnType<typeof keyConfig.parse>, { kind: 'run' }>;
const NAME = 'ogong-memoryd key';

/** @returns the exit code. @throws ConfigError, KeyFileError, StoreError */
export async function runKeyCommand({ argv, env }: CommandLine, output: Output): Promise<number> {
  const parsed = keyConfig.parse(argv, env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const keys = await openKeys(parsed.values, await openMasterKey(parsed.values));
  try {
    return await runVerb(keys.opened, parsed, output);
  } finally {
    await keys.close();
  }
}

async function runVerb(keys: MemoryKeys, { positionals, values }: Run, output: Output): Promise<number> {
  const [verb, id] = positionals;
  if (verb === 'add' && id === undefined) return addKey(keys, values, output);
  if (verb === 'list' && id === undefined) {
    const all = (await keys.list()).map(toShown);
    if (values.json) printJson(output, all);
    else for (const key of all) output.write(`${Object.values(key).join('  ')}\n`);
    return EXIT.ok;
  }
  if (verb === 'revoke' && id !== undefined) {
    if (await keys.revoke(id)) return EXIT.ok;
    output.writeError(`${NAME}: there is no key ${id} that is not revoked\n`);
    return EXIT.usage;
  }
  output.writeError(`${NAME}: say add --user NAME, list or revoke ID\n`);
  return EXIT.usage;
}

async function addKey(
  keys: MemoryKeys,
  { user, scope, lifetime, json }: Run['values'],
  output: Output,
): Promise<number> {
  if (user === undefined) {
    output.writeError(`${NAME}: --user is required: the name of the user\n`);
    return EXIT.usage;
  }
  const scopes = scope.length > 0 ? scope : (['read', 'write'] as const);
  const expiresMs = lifetime === undefined ? undefined : systemClock.nowMs() + lifetime;
  const { id, secret } = await keys.add({ user, scopes, expiresMs });
  if (json) printJson(output, { id, user, scopes, key: secret });
  else output.write(`${secret}\n`);
  return EXIT.ok;
}

const toDate = (ms: number | undefined): string => (ms === undefined ? '-' : new Date(ms).toISOString());

const toShown = ({ id, prefix, user, scopes, createdMs, expiresMs, revokedMs, usedMs }: MemoryKey) => ({
  ...{ id, prefix, user, scopes: scopes.join(',') },
  created: toDate(createdMs),
  expires: toDate(expiresMs),
  revoked: toDate(revokedMs),
  used: toDate(usedMs),
});
