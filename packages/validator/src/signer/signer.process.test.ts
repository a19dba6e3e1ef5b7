import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseReadyLine } from '@ogong/host/lifecycle/ready-line';
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { testValidatorSigner } from '@ogong/testing/validator/signer-compliance';
import {
  createTestLog,
  signerAccount,
  signerKey,
  signerKeySeed,
  stateBatch,
  stateVote,
} from '@ogong/testing/validator/signer-statements';
import { afterEach, describe, expect, it } from 'vitest';
import { connectSigner } from './remote-signer.ts';

const PROGRAM = findProgram(new URL('../bin/ogong-signerd.ts', import.meta.url));
const FIXTURE = fileURLToPath(new URL('./signer-child-fixture.ts', import.meta.url));
const ACCOUNT = toHex(signerAccount);

const running: ChildProcess[] = [];
const directories: TestDirectory[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  for (const directory of directories.splice(0)) directory.remove();
});

function prepare() {
  const directory = createTestDirectory('signer-process');
  directories.push(directory);
  const at = (name: string): string => join(directory.path, name);
  mkdirSync(at('data'), { mode: 0o700 });
  writeFileSync(at('signing.key'), toHex(signerKeySeed), { mode: 0o600 });
  return { socket: at('socket/s'), data: at('data'), key: at('signing.key') };
}

type Places = ReturnType<typeof prepare>;

async function launch(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
    if (parseReadyLine(line) !== undefined) return child;
  }
  throw new Error('the signer ended before it was ready');
}

const flags = ({ socket, data, key }: Places): string[] => [
  ...['--socket', socket, '--data-dir', data, '--keypair', key, '--account', `0x${ACCOUNT}`],
];
const start = (places: Places) => launch([PROGRAM, ...flags(places)]);

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit');
  child.kill(signal);
  return (await ended)[0] as number | null;
}

testValidatorSigner('its own process', async () => {
  const places = prepare();
  let child = await start(places);
  return {
    signer: await connectSigner(crypto, { path: places.socket }, nobleBls),
    async restart() {
      await kill(child, 'SIGKILL');
      child = await start(places);
      return connectSigner(crypto, { path: places.socket }, nobleBls);
    },
    close: async () => void (await kill(child, 'SIGTERM')),
  };
});

describe('ogong signer', () => {
  it('that is killed between its note and its answer signs the same again, and nothing that contradicts it', async () => {
    const places = prepare();
    const [log, forked] = [createTestLog(['a', 'b']), createTestLog(['a', 'x'])];
    const path = places.socket;
    for (const statement of [stateBatch(log), stateVote('one')]) {
      const address = toHex(signerKey.address);
      const child = await launch([FIXTURE, path, join(places.data, 'signer.db'), ACCOUNT, address]);
      const ended = once(child, 'exit');
      const signer = await connectSigner(crypto, { path });
      await expect(signer.sign(statement)).rejects.toMatchObject({ code: 'unreachable' });
      expect((await ended)[1]).toBe('SIGKILL');
    }
    await start(places);
    const signer = await connectSigner(crypto, { path });
    await expect(signer.sign(stateBatch(forked))).rejects.toMatchObject({ code: 'conflict' });
    await expect(signer.sign(stateVote('two'))).rejects.toMatchObject({ code: 'conflict' });
    expect(await signer.sign(stateBatch(log))).toHaveLength(65);
    expect(await signer.sign(stateVote('one'))).toHaveLength(65);
  });

  it('tells how far it is, and leaves no socket behind', async () => {
    const places = prepare();
    const child = await start(places);
    const signer = await connectSigner(crypto, { path: places.socket });
    await signer.sign(stateVote('one', { view: 3 }));
    expect(statSync(places.socket).mode & 0o777).toBe(0o600);
    const ask = (...more: string[]) =>
      execFileSync(process.execPath, [PROGRAM, '--socket', places.socket, '--status', ...more], { encoding: 'utf8' });
    expect(JSON.parse(ask('--json'))).toEqual({
      ...{ account: `0x${ACCOUNT}`, signingKey: `0x${toHex(signerKey.address)}` },
      ...{ epoch: 5, view: 3, positions: 0 },
    });
    expect(ask()).toContain('last vote in view 3 of epoch 5');
    expect(await kill(child, 'SIGTERM')).toBe(0);
    expect(existsSync(places.socket)).toBe(false);
  });
});
