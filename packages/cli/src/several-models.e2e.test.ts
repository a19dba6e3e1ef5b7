import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { EXIT } from '@ogong/host/log/errors';
import { readTrust } from '@ogong/host/views/read-trust';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { toHex } from '@ogong/protocol/base/bytes';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { hubCommand } from './hub/hub-command.ts';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
/** llama.h, enum llama_pooling_type: mean. */
const MEAN = 1;
const SHAPE = { embedding: 64, layers: 2, heads: 2, kvHeads: 2, feedForward: 128, context: 256, poolingCode: MEAN };
const TEXT_ID = 'ogong/verified/test/stories';
const VECTOR_ID = 'ogong/verified/test/random-embedding';
/** Long enough to run in tiles. */
const QUESTION = 'Once upon a time there was a little dog that '.repeat(8);
/** The possible texts. */
const ANSWERS = ['the cat sat', 'a small dog', 'nobody'];
const patience = { timeout: 180_000, interval: 250 };

let directory: string;
let mesh: Mesh;
let models: readonly MeshModel[];
beforeAll(async () => {
  // Providers and verifiers of the mesh take it as their setting.
  vi.stubEnv('OGONG_KERNELS', 'tiled');
  directory = mkdtempSync(join(tmpdir(), 'ogong-several-models-'));
  const vectorPath = join(directory, 'random.gguf');
  writeRandomModel(vectorPath, { vocabularyFrom: STORIES, shape: SHAPE });
  const describe = async (path: string, id: string): Promise<MeshModel> => ({
    ...{ path, id },
    root: (await resolveModel(`file:${path}`, { storeDir: directory })).modelRoot,
  });
  models = [await describe(STORIES, TEXT_ID), await describe(vectorPath, VECTOR_ID)];
  const [model, ...others] = models as [MeshModel, ...MeshModel[]];
  // A provider's reply is verified by the other's verifier. Its client trusts the chain's first values, and the network would make a key
  // meanwhile.
  const options: MeshOptions = { directory, model, others, providers: 2, validators: 1, beacon: 'vrf' };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

it('one provider serves a text model with tiled prompts and an embedding model: both are answered, audited and paid', async () => {
  const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  // The mesh has published its models: nothing here names their roots.
  const findModelRoots = createRootFinder({ client: async () => chain });
  const client = createClient({ baseUrl, trust: { ...(await readTrust(chain)), allow: ['router'] }, findModelRoots });
  const askText = () =>
    client.chat.completions.create({
      ...{ model: TEXT_ID, messages: [{ role: 'user', content: QUESTION }], max_tokens: 40 },
      // A verifier applies the same mask, or it could not accept the reply.
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { enum: ANSWERS } } },
    });
  const askVectors = () => client.embeddings.create({ model: VECTOR_ID, input: ['The little dog', 'a cat sat'] });

  const served = { text: new Map<string, CheckedReply>(), vectors: new Map<string, CheckedReply>() };
  const note = (kind: keyof typeof served, [reply]: readonly CheckedReply[]): string => {
    if (reply === undefined) throw new Error('no reply');
    served[kind].set(toHex(reply.receipt.record.publicKey), reply);
    return 'served';
  };
  await expect.poll(() => askText().then(({ replies }) => note('text', replies), String), patience).toBe('served');
  const models = await (await fetch(`${baseUrl}/v1/models`)).text();
  expect(models).toMatch(/\/exact-tiled(-2)?\//);
  const { response } = await askText();
  expect(ANSWERS).toContain(JSON.parse(response.choices[0]?.message.content ?? ''));
  await expect
    .poll(() => askVectors().then(({ replies }) => note('vectors', replies), String), patience)
    .toBe('served');
  const findBoth = (): string | undefined => [...served.text.keys()].find((key) => served.vectors.has(key));
  // The provider is drawn.
  while (findBoth() === undefined) {
    note('text', (await askText()).replies);
    note('vectors', (await askVectors()).replies);
  }
  const both = findBoth() as string;
  for (const kind of ['text', 'vectors'] as const) {
    const { replyId } = served[kind].get(both) as CheckedReply;
    const fate = () => fetchReceipt({ baseUrl, id: replyId }).then(({ status }) => status);
    await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
    // Another daemon's verifier, of both models too, computed the same.
    const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
    expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  }
  await evaluate(baseUrl);
  if (whyNoBrowser() === undefined) await watchInBrowser(baseUrl);
});

/** The text model answers a set of questions, and the file of receipts is checked by the chain alone. */
async function evaluate(gateway: string): Promise<void> {
  const at = (name: string): string => join(directory, name);
  const rows = [
    { format: 'ogong-evaluation-set-v1', name: 'stories', version: '1.0.0', licence: 'CC0-1.0' },
    { id: 'tale', messages: [{ role: 'user', content: QUESTION }], expect: { contains: 'the' }, max_tokens: 40 },
    { id: 'text', prompt: QUESTION, expect: { choice: 'B', of: ['A', 'B'] }, max_tokens: 8 },
  ];
  writeFileSync(at('set.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  writeFileSync(at('chain.json'), JSON.stringify({ ...mesh.deployment, rpcUrl: mesh.plan.rpcUrl }));
  const written: string[] = [];
  const output = {
    write: (text: string) => void written.push(text),
    writeError: (text: string) => void written.push(text),
  };
  const trust = ['--deployment', at('chain.json'), '--allow', 'router', '--set', at('set.jsonl')];
  const asked = ['test/stories', '--gateway', gateway, '--out', at('evaluation.jsonl')];
  expect(await hubCommand.run(['evaluate', ...asked, ...trust], output), written.join('')).toBe(EXIT.ok);
  expect(await hubCommand.run(['check-evaluation', at('evaluation.jsonl'), ...trust], output), written.join('')).toBe(
    0,
  );
  expect(written.join('')).toMatch(/^\d of 2 right/m);
}

/** A person without an account sees one reply's whole life by one click, with every check made again in the browser. */
async function watchInBrowser(baseUrl: string): Promise<void> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${baseUrl}/explorer/`);
    await page.locator('tr', { hasText: 'settled' }).getByRole('link', { name: 'reply' }).first().click();
    const life = page.locator('.life li');
    await life.first().waitFor();
    await page.locator('.banner.good', { hasText: /^All \d+ checks passed$/ }).waitFor({ timeout: 180_000 });
    expect(await life.locator('.pill').allTextContents()).toEqual(Array(6).fill('proven'));
    expect(
      await page.getByRole('list', { name: 'Checks of the settlement' }).locator('.state').allTextContents(),
    ).toEqual(Array(4).fill('proven'));
    await page.goto(`${baseUrl}/explorer/#/validators`);
    await page.getByText('Read from the registry on the chain.').waitFor();
    await page.locator('td', { hasText: 'holds' }).waitFor();
    await page.goto(`${baseUrl}/explorer/#/batches/1`);
    await page.getByRole('list', { name: 'Checks of the batch' }).getByText('proven').waitFor();
  } finally {
    await browser.close();
  }
}
