import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { fromHex } from '@ogong/protocol/base/bytes';
import { parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodeKind, writeCode } from './chat/as-code.ts';
import { composeBody } from './chat/conversation.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const STORIES = join(ROOT, 'packages/models/models/stories260K.gguf');
const hasPython =
  spawnSync('python3', ['-c', 'import cryptography, sys; sys.exit(sys.version_info < (3, 11))']).status === 0;
const MODEL = 'ogong/verified/tinystories/stories260k';
const reason = whyNoBrowser();
const patience = { timeout: 180_000, interval: 500 };
const SCREEN = { width: 1280, height: 860 };
/** A folder for pictures, for the pages of docs/explorer.md. */
const RECORD = process.env.OGONG_RECORD;

describe.skipIf(reason !== undefined)(`a network in a browser${reason ? ` (${reason})` : ''}`, () => {
  let directory: string;
  let mesh: Mesh;
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-life-'));
    const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
    const options: MeshOptions = {
      directory: join(directory, 'mesh'),
      model: { path: STORIES, id: MODEL, root },
      ...{ providers: 2, validators: 2 },
    };
    browser = await launchChromium();
    mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
  });
  afterAll(async () => {
    await browser?.close();
    await mesh?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(content: string): Promise<string> {
    const response = await fetch(`${mesh.plan.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, max_tokens: 24, messages: [{ role: 'user', content }] }),
    });
    const answer = (await response.json()) as { ogong: { receipts: readonly [{ reply_id: string }] } };
    expect(response.status, JSON.stringify(answer)).toBe(200);
    return answer.ogong.receipts[0].reply_id;
  }
  const readState = async (id: string): Promise<string | undefined> =>
    ((await (await fetch(`${mesh.plan.gatewayUrl}/public/replies/${id}`)).json()) as { state?: string }).state;

  /** Whether the newest epoch is signed by the key that the validators have made, and not by each of them. */
  const readKind = async (): Promise<string> => {
    const response = await fetch(`${mesh.plan.gatewayUrl}/public/beacon/0`);
    const { certificate } = (await response.json()) as { certificate?: string };
    return certificate === undefined ? 'none' : parseEpochCertificate(fromHex(certificate.slice(2))).kind;
  };

  it("shows one reply's whole life within two clicks, to a person without an account", async () => {
    await expect.poll(readKind, patience).toBe('threshold');
    await ask('Tell me of the sea.');
    const id = await ask('Once upon a time');
    await expect.poll(() => readState(id), patience).toBe('settled');
    // A picture of a page in the documentation is smaller than the page.
    const scale = RECORD === undefined ? {} : { deviceScaleFactor: 0.8 };
    const page = await browser.newPage({ viewport: SCREEN, ...scale });
    const record = async (name: string, isWhole = false): Promise<void> => {
      if (RECORD === undefined) return;
      await page.screenshot({ path: join(RECORD, `${name}.jpg`), type: 'jpeg', quality: 54, fullPage: isWhole });
    };
    await page.goto(`${mesh.plan.gatewayUrl}/explorer/`);
    const link = page.locator(`a[href="#/reply/${id}"]`).first();
    await link.waitFor({ timeout: 180_000 });
    await page.getByText('Checked in this browser against the chain').waitFor();
    const money = page.locator('section', { has: page.getByRole('heading', { name: 'Supply, stake and fees' }) });
    for (const name of ['Supply', 'Staked and bonded', 'In escrow', 'Held earnings'])
      await money.locator('dt', { hasText: name }).first().waitFor();
    await record('overview');

    // The first click: order, answer, audit, verdict and settlement, each as it was proven here.
    await link.click();
    await page.getByRole('heading', { name: 'A reply' }).waitFor();
    const settlement = page.getByRole('list', { name: 'Checks of the settlement' });
    await settlement.waitFor();
    expect(await settlement.locator('li.fail').count()).toBe(0);
    expect(await settlement.locator('li.pass b').allTextContents()).toContain('quorum');
    // Without an account the gateway of a mesh gives the receipt, and every token's draw is replayed on the page.
    await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click({ timeout: 180_000 });
    await page.getByRole('list', { name: 'Checks that passed' }).waitFor();
    const passed = await page.getByRole('list', { name: 'Checks that passed' }).locator('b').allTextContents();
    expect(passed).toEqual(
      expect.arrayContaining(['request-hash', 'draw-replay', 'fee', 'validator', 'beacon', 'settled']),
    );
    for (const name of ['Checks that failed', 'Checks that were not made'])
      expect(await page.getByRole('list', { name }).count(), name).toBe(0);
    await record('life-2-reply', true);

    // The second click: the batch that paid for it.
    await page.locator('a[href^="#/batches/"]').first().click();
    await page.getByRole('heading', { name: 'Batches' }).waitFor();
    await page
      .getByText(/more than two thirds|quorum/i)
      .first()
      .waitFor();
    await record('life-3-batch');
    // And the payee, with its amount on the chain.
    await page.locator('a[href^="#/providers/"]').first().click();
    await page.getByText('Held by the chain').waitFor();
    const byDay = page.getByRole('region', { name: 'Earned by day and model' }).locator('tbody tr');
    await byDay.first().getByRole('link', { name: MODEL }).waitFor();
    expect(await byDay.first().locator('td').nth(3).textContent()).toMatch(/^0\.\d*[1-9]\d* OGONG$/);
    await page.close();
  });

  it('answers in the chat, and checks the answer there up to its settlement', async () => {
    const page = await browser.newPage({ viewport: SCREEN });
    await page.goto(mesh.plan.gatewayUrl);
    await page.getByRole('radio').first().waitFor();
    await page.getByLabel('Your question').fill('Once upon a time there was');
    await page.keyboard.press('Enter');
    await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor({ timeout: 180_000 });
    await page.locator('.found > summary').click();
    await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
    const proven = page.getByRole('list', { name: 'Checks of the answer', exact: true }).locator('.pass b');
    const wanted = expect.arrayContaining(['answer', 'beacon', 'settled']);
    await expect.poll(() => proven.allTextContents(), patience).toEqual(wanted);
    expect(await page.locator('.found > summary').textContent()).toMatch(/^\d+ checks passed$/);
    await page.locator('.fate', { hasText: 'settled' }).getByText('accept', { exact: true }).waitFor();
    if (RECORD !== undefined) {
      await page.evaluate('scrollTo(0, 0)');
      await page.screenshot({ path: join(RECORD, 'chat.jpg'), type: 'jpeg', quality: 62 });
    }
    await page.close();
  });

  it('gives code that runs after copying, and checks its answer', async () => {
    const work = join(directory, 'copied');
    mkdirSync(join(work, 'node_modules/@ogong'), { recursive: true });
    symlinkSync(join(ROOT, 'packages/sdk'), join(work, 'node_modules/@ogong/sdk'));
    copyFileSync(mesh.plan.trustFile, join(work, 'trust.json'));
    const body = composeBody([], MODEL, { text: "It's a fox", pictures: [] });
    const run = async (kind: CodeKind, program: string, ...args: readonly string[]): Promise<string> => {
      const file = join(
        work,
        { bash: 'call.sh', [process.execPath]: 'call.mts', python3: 'call.py' }[program] as string,
      );
      writeFileSync(file, writeCode(kind, mesh.plan.gatewayUrl, body));
      const env = {
        ...process.env,
        OGONG_API_KEY: 'any',
        PYTHONPATH: join(ROOT, 'python/src'),
        PYTHONDONTWRITEBYTECODE: '1',
      };
      return (await promisify(execFile)(program, [...args, file], { cwd: work, env })).stdout;
    };
    const text = JSON.parse(await run('curl', 'bash')).choices[0].message.content;
    expect(text.length).toBeGreaterThan(0);
    expect(await run('TypeScript', process.execPath)).toMatch(/id: 'draw-replay',\s+status: 'pass'/);
    if (hasPython) expect((await run('Python', 'python3')).trim().length).toBeGreaterThan(0);
    // A reader that trusts another network gets no answer of this one.
    const trust = JSON.parse(readFileSync(mesh.plan.trustFile, 'utf8'));
    const elsewhere = { ...trust, ledger: { ...trust.ledger, escrow: `0x${'11'.repeat(20)}` } };
    writeFileSync(join(work, 'trust.json'), JSON.stringify(elsewhere));
    await expect(run('TypeScript', process.execPath)).rejects.toThrow('ledger');
    if (hasPython) await expect(run('Python', 'python3')).rejects.toThrow('ledger');
  });

  it('shows the drift table that validators of this release use', async () => {
    const page = await browser.newPage({ viewport: SCREEN });
    await page.goto(`${mesh.plan.gatewayUrl}/explorer/#/drift/0`);
    await page.getByText('the chain names none: validators use the one of their release').waitFor({ timeout: 180_000 });
    await page.getByRole('img', { name: /sketch-mean/ }).waitFor();
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.setViewportSize(SCREEN);
    if (RECORD !== undefined) {
      const path = join(RECORD, 'drift.jpg');
      await page.screenshot({ path, type: 'jpeg', quality: 54, fullPage: false });
    }
    await page.close();
  });
});
