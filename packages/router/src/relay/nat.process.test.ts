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

describe.skipIf(absence !== '')(`nodes behind NATs${absence && ` (${absence})`}`, () => {
  const KINDS: readonly Nat[] = ['none', 'cone', 'symmetric', 'double'];
  const children: ChildProcess[] = [];
  let lab: NatLab;
  let directory: TestDirectory;
  let relay: string;
  const nodes = new Map<Nat, { readonly seenAt: string; readonly endpoint: string; readonly seed: number }>();

  /** @returns the next line that it prints. */
  function start(place: Parameters<NatLab['enter']>[0], program: string, ...args: string[]): () => Promise<string> {
    const [command = '', ...words] = lab.enter(place);
    const child = spawn(
      command,
      [...words, process.execPath, '--disable-warning=ExperimentalWarning', program, ...args],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
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
    directory = createTestDirectory('nat');
    const at = `${lab.internetAddress}:4545`;
    const dataDir = join(directory.path, 'relay');
    const ready = parseReadyLine(await start('internet', RELAYD, '--bind', at, '--data-dir', dataDir)());
    relay = `${at}|${ready?.certHash}`;
    await Promise.all(
      KINDS.map(async (kind, index) => {
        const seed = 80 + index;
        const line = await start(kind, NODE, 'serve', `${seed}`, lab.addressOf(kind), relay)();
        nodes.set(kind, { ...JSON.parse(line), seed });
      }),
    );
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    lab?.close();
    directory?.remove();
  });

  it('are told the address that the internet sees', () => {
    for (const kind of KINDS) expect([kind, nodes.get(kind)?.seenAt]).toEqual([kind, lab.publicAddressOf(kind)]);
  });

  it('are reached directly without one, and through the relay behind a cone, a symmetric and a double one', async () => {
    const targets = KINDS.map((kind) => `${nodes.get(kind)?.endpoint}=${nodes.get(kind)?.seed}`);
    const nextLine = start('caller', NODE, 'call', '90', ...targets);
    const ways = [];
    for (const kind of KINDS) ways.push([kind, (JSON.parse(await nextLine()) as string).split(' ')[0]]);
    expect(ways).toEqual([
      ['none', '192.0.2.2'],
      ['cone', 'relay'],
      ['symmetric', 'relay'],
      ['double', 'relay'],
    ]);
  });
});
