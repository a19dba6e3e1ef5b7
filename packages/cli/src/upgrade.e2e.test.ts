import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePortRow } from '@ogong/devnet/chain/free-port';
import { PORTS_ABOVE_BASE } from '@ogong/devnet/mesh/mesh-plan';
import { EXIT } from '@ogong/host/log/errors';
import { VERDICT_ENTRY_TAG } from '@ogong/protocol/settlement/verdict-log';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const STORIES = join(ROOT, 'packages/models/models/stories260K.gguf');
const MODEL = 'ogong/verified/test/stories';
/** A commit of an earlier version, such as the one of a release; `yesterday` for the newest of a day ago. */
const NAMED = process.env.OGONG_UPGRADE_FROM;
const patience = { timeout: 240_000, interval: 2_000 };

const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const findCommit = (): string | undefined =>
  NAMED === 'yesterday' ? git('rev-list', '-1', '--first-parent', '--before=1 day ago', 'HEAD').trim() : NAMED;

/** Why it cannot run. */
function findObstacle(): string | undefined {
  if (NAMED === undefined) return 'name a commit: OGONG_UPGRADE_FROM';
  try {
    git('cat-file', '-e', `${findCommit()}^{commit}`);
    return undefined;
  } catch {
    return `the history here does not have ${NAMED}`;
  }
}
const obstacle = findObstacle();
const RELEASED = obstacle === undefined ? (findCommit() as string) : '';
/** Whether its log is in the format of now. Otherwise what is open settles first. */
const writesAlike = (): boolean =>
  git('show', `${RELEASED}:packages/protocol/src/settlement/verdict-log.ts`).includes(VERDICT_ENTRY_TAG);
/** Whether its contracts are those of now. Otherwise this program has to leave the network as it is. */
const hasSameContracts = (): boolean => git('diff', '--stat', RELEASED, 'HEAD', '--', 'contracts/src').trim() === '';

describe.skipIf(obstacle !== undefined)(`an upgrade from the release${obstacle ? ` (${obstacle})` : ''}`, () => {
  let directory: string;
  let old: string;
  let basePort: number;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-upgrade-'));
    // On the file system of this tree, since modules are linked: a child of the gateway reads its own tree and nothing else.
    old = mkdtempSync(join(ROOT, '.cache', 'upgrade-'));
    rmSync(old, { recursive: true });
    git('worktree', 'add', '--detach', old, RELEASED);
    execFileSync('cp', ['-al', join(ROOT, 'node_modules'), join(old, 'node_modules')]);
    // It installs what it needs itself, where that differs from what is needed now.
    execFileSync(process.execPath, ['scripts/run.mjs', 'packages/cli/src/bin/ogong.ts', '--version'], { cwd: old });
    basePort = await findFreePortRow(PORTS_ABOVE_BASE + 1);
  }, 600_000);
  afterAll(async () => {
    for (const tree of [old, ROOT]) await mesh(tree, 'down').catch(() => undefined);
    git('worktree', 'remove', '--force', old);
    rmSync(directory, { recursive: true, force: true });
  });

  const gatewayUrl = (): string => `http://127.0.0.1:${basePort + 46}`;
  const meshDir = (): string => join(directory, 'mesh');

  /** @returns what it said. */
  async function mesh(tree: string, verb: 'up' | 'down', expected = 0): Promise<string> {
    const model = ['--model', `file:${STORIES}`, '--model-id', MODEL, '--models-dir', join(directory, 'models')];
    const size = ['--validators', '2', '--providers', '2', '--base-port', String(basePort)];
    const args = ['mesh', verb, '--dir', meshDir(), ...(verb === 'up' ? [...model, ...size] : [])];
    const entry = join(tree, 'packages/cli/src/bin/ogong.ts');
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
      env: { ...process.env, OGONG_PROGRAMS: 'sources' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const [code] = await once(child, 'exit');
    expect([verb, tree, code], said).toEqual([verb, tree, expected]);
    return said;
  }

  async function ask(): Promise<string> {
    let told = '';
    await expect
      .poll(async () => {
        const response = await fetch(`${gatewayUrl()}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: 'Once' }] }),
        });
        told = await response.text();
        const answer = JSON.parse(told) as { ogong?: { receipts: readonly [{ reply_id: string }] } };
        // Where there is no answer, its text says why.
        told = answer.ogong?.receipts[0].reply_id ?? told;
        return told;
      }, patience)
      .toMatch(/^[0-9a-f]{32}$/);
    return told;
  }
  const readState = async (id: string): Promise<string | undefined> =>
    ((await (await fetch(`${gatewayUrl()}/public/replies/${id}`)).json()) as { state?: string }).state;

  it('keeps receipts and money, settles what was open, and goes on', async () => {
    await mesh(old, 'up');
    const settled = await ask();
    await expect.poll(() => readState(settled), patience).toBe('settled');
    const open = await ask();
    if (!writesAlike()) await expect.poll(() => readState(open), patience).toBe('settled');
    await mesh(old, 'down');
    if (!hasSameContracts()) {
      expect(await mesh(ROOT, 'up', EXIT.unavailable)).toContain('whose contracts differ');
      await mesh(old, 'up');
    } else await mesh(ROOT, 'up');
    expect((await fetch(`${gatewayUrl()}/v1/receipts/${settled}`)).status).toBe(200);
    expect((await fetch(`${gatewayUrl()}/v1/receipts/${open}`)).status).toBe(200);
    const fresh = await ask();
    for (const id of [settled, open, fresh]) await expect.poll(() => readState(id), patience).toBe('settled');
  }, 1_500_000);
});
