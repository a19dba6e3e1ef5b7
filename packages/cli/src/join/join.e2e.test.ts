import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

// A machine with an empty home joins a network by one command, and is paid.

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const MODEL = 'ogong/verified/test/stories';
const PROVIDER = createRequire(import.meta.url).resolve('@ogong/provider/bin/ogong-provider');
const CONSUMER = fileURLToPath(new URL('../bin/ogong.ts', import.meta.url));

let directory: string;
let mesh: Mesh;
const running: ChildProcess[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-join-'));
  const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
  const options: MeshOptions = {
    directory: join(directory, 'mesh'),
    model: { path: STORIES, id: MODEL, root },
    ...{ validators: 3, providers: 1, beacon: 'vrf' },
    // Its first orders are tests of the validators: nobody has to name it.
    canaryRate: 400_000,
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  mesh = await startMesh({ ...options, ports });
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const startJoining = (...args: readonly string[]) => start(PROVIDER, ['join', ...args]);

/** Starts a program in a home of its own. */
function start(program: string, args: readonly string[], home = 'home') {
  const lines: string[] = [];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
    env: { PATH: process.env.PATH, HOME: join(directory, home) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => lines.push(...text.split('\n').filter((line) => line !== '')));
  }
  return {
    lines,
    async says(text: string | RegExp): Promise<void> {
      await vi.waitFor(() => expect(lines.join('\n')).toMatch(text), { timeout: 150_000, interval: 250 });
    },
    async end(signal?: NodeJS.Signals): Promise<number | null> {
      if (child.exitCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      if (signal) child.kill(signal);
      return (await exit)[0];
    },
  };
}

it('is paid for its first reply, and goes on by itself after a restart', async () => {
  const { gatewayUrl } = mesh.plan;
  const refused = startJoining(gatewayUrl, '--fingerprint', '00'.repeat(32));
  expect(await refused.end()).toBe(69);
  expect(refused.lines.join('\n')).toContain('name that one by --fingerprint');

  const joined = startJoining(gatewayUrl, '--listen', '127.0.0.1:0');
  await joined.says(/\d repl(y is|ies are) settled, 0\.\d+ OGONG earned/);
  const said = joined.lines.join('\n');
  expect(said).toContain(`serving ${MODEL} for 0.001 OGONG per 1,000 tokens, as most others do`);
  expect(said).toContain('the first 0.01 OGONG that an account earns pay for audits');
  const [ready] = joined.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const offers = (await (await fetch(`${gatewayUrl}/public/models`)).json()) as { readonly models: readonly object[] };
  // The verifier beside it is of a second payee.
  expect(offers.models).toMatchObject([{ id: MODEL, providers: 2, verifiers: 2 }]);
  expect(await joined.end('SIGTERM')).toBe(0);

  const again = startJoining('--listen', '127.0.0.1:0');
  await again.says('"event":"ready"');
  const [next] = again.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  expect([next.provider, next.payee]).toEqual([ready.provider, ready.payee]);
  expect(await again.end('SIGTERM')).toBe(0);
  const notes = join(directory, 'home', '.ogong-provider', 'network.json');
  expect(existsSync(notes) && JSON.parse(readFileSync(notes, 'utf8'))).toMatchObject({ gateway: gatewayUrl });
});

it('lets a consumer ask and verify without flags', async () => {
  const run = async (...args: readonly string[]) => {
    const { end, lines } = start(CONSUMER, args, 'consumer');
    return { code: await end(), said: (): string => lines.join('\n') };
  };
  const joined = await run('join', mesh.plan.gatewayUrl);
  expect([joined.code, joined.said()]).toEqual([0, expect.stringContaining(`${MODEL}  0.001 OGONG per 1,000 tokens`)]);
  const receipt = join(directory, 'receipt.json');
  const asked = await run('ask', 'Once upon a time', '--max-tokens', '12', '--save', receipt);
  expect([asked.code, asked.said()]).toEqual([0, expect.stringMatching(/verified: \d+ checks passed/)]);
  const verified = await run('verify', receipt);
  expect([verified.code, verified.said()]).toEqual([0, expect.stringContaining('the network that was joined is read')]);
});
