import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseReadyLine } from '@ogong/host/lifecycle/ready-line';
import { createNatLab, findNatLabAbsence, type Nat, type NatLab } from '@ogong/testing/net/nat-lab';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const RELAYD = findProgram(new URL('../bin/ogong-relayd.ts', import.meta.url));
const NODE = fileURLToPath(new URL('nat-child-fixture.ts', import.meta.url));
const absence = findNatLabAbsence();
/** A helper that punches needs a few others to learn its caller's address. */
const PUNCH_NODES = 5;

describe.skipIf(absence !== '')(`holes between NATs${absence && ` (${absence})`}`, () => {
  const children: ChildProcess[] = [];
  const endpoints = new Map<Nat, string>();
  let lab: NatLab;
  let directory: TestDirectory;
  let bootstrap: readonly string[];

  function start(place: Parameters<NatLab['enter']>[0], program: string, ...args: string[]): () => Promise<string> {
    const [command = '', ...words] = lab.enter(place);
    const env = { ...process.env, PUNCH: bootstrap.join(' ') };
    const line = [...words, process.execPath, '--disable-warning=ExperimentalWarning', program, ...args];
    const child = spawn(command, line, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended`);
      return value as string;
    };
  }

  beforeAll(async () => {
    lab = createNatLab();
    directory = createTestDirectory('punch');
    const at = Array.from({ length: PUNCH_NODES }, (_, index) => `${lab.internetAddress}:${4600 + index}`);
    const [first = ''] = at;
    bootstrap = [first];
    for (const [index, address] of at.entries()) {
      await start('internet', NODE, 'node', address, ...(index === 0 ? [] : [first]))();
    }
    const relayAt = `${lab.internetAddress}:4545`;
    const ready = parseReadyLine(
      await start('internet', RELAYD, '--bind', relayAt, '--data-dir', join(directory.path, 'relay'))(),
    );
    const relay = `${relayAt}|${ready?.certHash}`;
    await Promise.all(
      (['cone', 'symmetric'] as const).map(async (kind, index) => {
        const next = start(kind, NODE, 'serve', `${80 + index}`, lab.addressOf(kind), relay);
        let endpoint = '';
        while (!(endpoint.startsWith('punch/') && endpoint.includes('relay/')))
          endpoint = JSON.parse(await next()).endpoint;
        endpoints.set(kind, `${endpoint}=${80 + index}`);
      }),
    );
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    lab?.close();
    directory?.remove();
  });

  const callFrom = async (place: Nat, to: Nat): Promise<string> =>
    (JSON.parse(await start(place, NODE, 'call', '90', endpoints.get(to) ?? '')()) as string).split(' ')[0] ?? '';

  it('are punched from behind two cones to a node behind one: no relay carries the link', async () => {
    expect(await callFrom('double', 'cone')).toBe('punched');
  });

  it('are moved to by a link that the relay carries meanwhile', async () => {
    const next = start('double', NODE, 'climb', '90', endpoints.get('cone') ?? '');
    const ways: string[] = [];
    while (ways.at(-1) !== 'punched') ways.push((JSON.parse(await next()) as string).split(' ')[0] ?? '');
    expect([...new Set(ways)]).toEqual(['relay', 'punched']);
  });

  it('are not punched between two symmetric ones, where the relay carries it', async () => {
    expect(await callFrom('erratic', 'symmetric')).toBe('relay');
  });
});
